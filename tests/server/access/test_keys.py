"""Keys: who is let in, by header and by cookie, and that keys stay secret."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect, sync_playwright
from starlette.testclient import TestClient

from mmembed.cli import service
from mmembed.config.settings import Settings
from mmembed.errors import Overloaded
from mmembed.server.access import key_guessing
from mmembed.server.access.key_guessing import AT_ONCE, MOST, Guesses, address_of
from mmembed.server.access.keys import is_among
from mmembed.server.access.sessions import COOKIE, LONGEST_S, Sessions
from tests.serving import ADDRESS, FAKE, Process, add, error_of, serving
from tests.web.chromium import ARGUMENTS, find_chromium

KEY, OTHER = "correct-horse-battery", "staple-of-the-second"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("collection")
    with serving(folder, api_keys=(KEY, OTHER), log="json") as (client, _):
        yield client


@pytest.fixture
def client(served: TestClient) -> TestClient:
    """A caller without cookies, none of whose guesses are remembered."""
    app: Any = served.app
    app.state.access.guesses = Guesses()
    served.cookies.clear()
    return served


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.mark.parametrize(
    "headers",
    [
        bearer(KEY),
        bearer(OTHER),
        {"Authorization": f"bearer   {KEY}"},
        {"X-API-Key": KEY},
        {"Authorization": "Basic abc", "X-API-Key": OTHER},
        {"Cookie": f"theme=dark; {COOKIE}={Sessions([KEY]).open(KEY)}"},
    ],
)
def test_who_has_a_key_is_let_in(client: TestClient, headers: dict[str, str]) -> None:
    assert client.get("/v1/search?q=red", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({}, "a key is needed"),
        (bearer("wrong"), "not one of"),
        (bearer(KEY + "x"), "not one of"),
        (bearer(KEY[:-1]), "not one of"),
        (bearer(f"{KEY},{OTHER}"), "not one of"),
        ({"Authorization": KEY}, "a key is needed"),
        ({"Authorization": "Bearer "}, "a key is needed"),
        ({"X-API-Key": ""}, "not one of"),
        ({"Cookie": f"{COOKIE}={KEY}"}, "a key is needed"),
        ({"Cookie": f"{COOKIE}={Sessions([]).open('wrong')}"}, "a key is needed"),
        ({"Cookie": "\x7f;=;,"}, "a key is needed"),
        ({"Authorization": "Bearer \xff\xfe"}, "not one of"),
    ],
)
@pytest.mark.parametrize(
    "path", ["/v1/search?q=red", "/v1/items/1/image", "/metrics", "/openapi.json", "/nowhere"]
)
def test_who_has_none_is_not(
    client: TestClient, path: str, headers: dict[str, str], said: str
) -> None:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    answer = client.get(path, headers=raw)
    assert said in error_of(answer, 401)
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "x-request-id" in answer.headers


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/health", "/static/app.js", "/static/views/key/key.js"]
)
def test_monitors_and_the_page_need_none(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 200


def test_without_keys_none_is_needed(tmp_path: Path) -> None:
    with serving(tmp_path) as (client, _):
        assert client.get("/v1/items", headers=bearer("any")).status_code == 200
        answer = client.post("/v1/session", json={"key": "any"})
        assert (answer.status_code, answer.cookies.get(COOKIE)) == (204, None)


def test_a_body_of_a_stranger_is_not_waited_for(client: TestClient) -> None:
    """As a server sees it, because the test client sends its bodies whole."""
    sent: list[Any] = []

    async def receive() -> Any:
        assert sent[1]["body"], "the body was read before the answer was out"
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/items",
        "raw_path": b"/v1/items",
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"content-length", b"10")],
    }
    app: Any = client.app
    asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == 401
    assert (b"connection", b"close") in sent[0]["headers"]


def test_a_session_ends(client: TestClient) -> None:
    client.post("/v1/session", json={"key": KEY})
    kept = client.cookies[COOKIE]
    assert client.get("/v1/items").status_code == 200
    ended = client.delete("/v1/session", headers={"Origin": ADDRESS})
    assert ended.status_code == 204
    assert COOKIE not in client.cookies
    error_of(client.get("/v1/items", headers={"Cookie": f"{COOKIE}={kept}"}), 401)
    assert client.delete("/v1/session").status_code == 204  # there is none any more


def test_a_session_has_a_last_day_and_ends_with_its_key() -> None:
    now = 1_000_000.0
    sessions = Sessions([KEY, OTHER], clock=lambda: now)
    cookie = sessions.open(OTHER)
    assert sessions.has(cookie)
    assert not Sessions([KEY], clock=lambda: now).has(cookie)
    later = cookie.replace(str(int(now) + LONGEST_S), str(int(now) + LONGEST_S - 1))
    assert later != cookie
    assert not sessions.has(later)
    now += LONGEST_S - 1
    assert sessions.has(cookie)
    now += 1
    assert not sessions.has(cookie)


@pytest.mark.parametrize(
    "cookie", ["", ".", "..", "9", "x.y.z", "1.2.3", f"{'9' * 5000}.a.b", "²..é"]
)
def test_what_is_no_session(cookie: str) -> None:
    assert not Sessions([KEY]).has(cookie)


def test_guessing_is_slowed_and_then_refused(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_guessing, "DELAY_S", 0.01)
    monkeypatch.setattr(key_guessing, "FORGOTTEN_S", 60.0)
    for _ in range(MOST):
        error_of(client.get("/v1/items", headers=bearer("wrong")), 401)
    for answer in (
        client.get("/v1/items", headers=bearer("wrong")),
        client.get("/v1/items", headers=bearer(KEY)),  # not even looked at
        client.post("/v1/session", json={"key": KEY}),
    ):
        assert "too many wrong keys" in error_of(answer, 429)
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        assert "set-cookie" not in answer.headers
    assert client.get("/health").status_code == 200


def test_who_was_let_in_before_stays_in(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though a neighbour behind the same proxy guesses."""
    monkeypatch.setattr(key_guessing, "DELAY_S", 0.01)
    monkeypatch.setattr(key_guessing, "FORGOTTEN_S", 60.0)
    assert client.get("/v1/items", headers=bearer(KEY)).status_code == 200
    client.post("/v1/session", json={"key": KEY})
    for _ in range(MOST + 1):
        client.post("/v1/session", json={"key": "wrong"})
    assert client.get("/v1/items").status_code == 200  # by the session
    client.cookies.clear()
    assert client.get("/v1/items", headers=bearer(KEY)).status_code == 200
    error_of(client.get("/v1/items", headers=bearer(OTHER)), 429)


@pytest.mark.slow
def test_guesses_are_counted_by_address_and_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    now, slept = 0.0, []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr("asyncio.sleep", sleep)
    monkeypatch.setattr(key_guessing, "MOST_ADDRESSES", 100)
    guesses = Guesses(clock=lambda: now)
    here, there = {"client": ("192.0.2.1", 5)}, {"client": ("192.0.2.2", 5)}
    for _ in range(MOST):
        guesses.check(here, "x")
        asyncio.run(guesses.wrong(here))
    assert len(slept) == MOST - AT_ONCE
    with pytest.raises(Overloaded):
        guesses.check(here, "x")
    guesses.check(there, "x")
    now += key_guessing.FORGOTTEN_S + 0.1
    guesses.check(here, "x")
    for number in range(1000):
        asyncio.run(guesses.wrong({"client": (f"10.0.{number // 250}.{number % 250}", 5)}))
        guesses.right({"client": (f"10.0.{number // 250}.{number % 250}", 5)}, "x")
    assert len(guesses._wrong) <= 100
    assert len(guesses._right) <= 100


@pytest.mark.parametrize(
    ("client", "address"),
    [
        (("192.0.2.1", 5), "192.0.2.1"),
        (("::ffff:192.0.2.1", 5), "192.0.2.1"),
        (("2001:db8:1:2:3:4:5:6", 5), "2001:db8:1:2::/64"),
        (("fe80::1%eth0", 5), "fe80::/64"),
        (("testclient", 5), "testclient"),
        (None, ""),
    ],
)
def test_whose_guess_it_was(client: Any, address: str) -> None:
    assert address_of({"client": client}) == address


def test_the_page_changes_the_key_for_a_cookie(client: TestClient) -> None:
    answer = client.post("/v1/session", json={"key": KEY}, headers={"Origin": ADDRESS})
    assert answer.status_code == 204
    sent = answer.headers["set-cookie"]
    for part in ("HttpOnly", "SameSite=strict", "Path=/", f"Max-Age={LONGEST_S}"):
        assert part in sent
    assert "Secure" not in sent
    assert KEY not in sent
    assert client.get("/v1/items").status_code == 200  # the client kept the cookie
    client.cookies.clear()
    error_of(client.get("/v1/items"), 401)


def test_the_cookie_stays_on_https_where_it_came_by_it(tmp_path: Path) -> None:
    with serving(tmp_path, api_keys=(KEY,)) as (client, _):
        answer = client.post("https://127.0.0.1/v1/session", json={"key": KEY})
        assert "Secure" in answer.headers["set-cookie"]


@pytest.mark.parametrize("body", [{"key": "wrong"}, {"key": "\udfff"}])
def test_a_wrong_key_opens_nothing(client: TestClient, body: dict[str, str]) -> None:
    raw = repr(body).replace("'", '"')
    answer = client.post("/v1/session", content=raw)
    assert answer.status_code in (401, 422)
    assert "set-cookie" not in answer.headers
    assert error_of(answer, answer.status_code)


def test_other_sites_cannot_use_the_cookie_for_changes(client: TestClient) -> None:
    client.post("/v1/session", json={"key": KEY})
    answer = client.delete("/v1/items/1", headers={"Origin": "http://evil.example"})
    assert "not accepted" in error_of(answer, 403)


def test_keys_are_never_logged(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client.get("/v1/items", headers=bearer(KEY))
    client.get("/v1/items", headers={"X-API-Key": f"almost-{KEY}"})
    client.post("/v1/session", json={"key": KEY})
    client.post("/v1/session", json={"key": KEY, "more": 1})
    assert "mmembed.access" in {record.name for record in caplog.records}
    assert KEY not in caplog.text
    assert KEY not in repr(Settings(api_keys=(KEY,)))


def test_all_keys_are_compared_whole() -> None:
    assert is_among("a", ["b", "a"])
    assert not is_among("", ["b", "a"])
    assert not is_among("a", [])
    assert not is_among("ab", ["a", "b"])


# -- real processes ------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Process, Path]]:
    data = tmp_path_factory.mktemp("data")
    with serving(data) as (client, _):
        add(client, "red", caption="a red field")
    with Process(FAKE, "--data", str(data), "--model", "fake", MMEMBED_API_KEYS=KEY) as process:
        yield process, data
        assert process.end() == (0, "")


@pytest.mark.slow
@pytest.mark.parametrize(("key", "answers"), [(KEY, True), (OTHER, False), (None, False)])
def test_the_command_line_brings_its_key(
    server: tuple[Process, Path], key: str | None, answers: bool
) -> None:
    found = service.find(Settings.from_env({}, data=server[1], api_keys=(key,) if key else None))
    assert found is not None
    answer = found.search({"q": "red"})  # closes the line
    assert (answer is not None and len(answer["hits"]) == 1) == answers


@pytest.mark.slow
@pytest.mark.parametrize(("keys", "said"), [(KEY, "keys need TLS"), ("", "asks for a key")])
def test_a_server_for_others_says_who_gets_in(tmp_path: Path, keys: str, said: str) -> None:
    arguments = ("--data", str(tmp_path), "--model", "fake", "--host", "0.0.0.0")
    with Process(FAKE, *arguments, MMEMBED_API_KEYS=keys) as process:
        code, errors = process.end()
    assert code == 0
    assert said in errors
    assert KEY not in errors


@pytest.mark.slow
@pytest.mark.browser
def test_the_page_asks_for_the_key_once(server: tuple[Process, Path]) -> None:
    with sync_playwright() as playwright:
        path = find_chromium(playwright)
        if path is None:
            pytest.skip("there is no Chromium; `playwright install chromium` fetches one")
        with playwright.chromium.launch(executable_path=path, args=ARGUMENTS) as browser:
            page = browser.new_page(base_url=server[0].address, reduced_motion="reduce")
            page.goto("/")
            dialog = page.get_by_role("dialog", name="This server needs a key")
            page.get_by_label("One of the keys").fill("wrong")
            dialog.get_by_role("button", name="Open").click()
            expect(dialog.get_by_role("alert")).to_contain_text("is not one of")
            page.get_by_label("One of the keys").fill(KEY)
            page.keyboard.press("Enter")
            image = page.locator("#grid .tile:visible img").first
            expect(image).to_be_visible()
            expect(dialog).to_be_hidden()
            assert image.evaluate("one => one.decode().then(() => one.naturalWidth)") > 10
            page.goto("/docs")
            expect(page.locator("details.route").first).to_be_visible()
            page.goto("/")
            expect(page.locator("#facts")).to_have_text(re.compile("1 picture"))
            page.keyboard.press("Escape")
            expect(image).to_be_visible()
            page.get_by_role("button", name="Log out").click()
            expect(dialog).to_be_visible()
            page.reload()
            expect(dialog).to_be_visible()
