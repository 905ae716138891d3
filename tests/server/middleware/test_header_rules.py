"""Hosts, origins and other sites' pages, and the headers that harden every answer."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.serving import ADDRESS, HARDENED, error_of, serving


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:8000",
        "localhost",
        "LOCALHOST:1",
        "[::1]:8000",
        "192.168.1.20",
        "photos.example",
        "PHOTOS.example:443",
        "x",
    ],
)
def test_hosts_that_are_ours(client: TestClient, host: str) -> None:
    assert client.get("/v1/models", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "evil.example:8000",
        "127.0.0.1:8000/admin",
        "evil.example@127.0.0.1",
        "127.0.0.1:8000@evil.example",
        "[::1",
        "",
        "a b",
    ],
)
def test_foreign_hosts(client: TestClient, host: str) -> None:
    answer = client.get("/v1/models", headers={"Host": host})
    assert "MMEMBED_ALLOWED_HOSTS" in error_of(answer, 400)
    assert all(name in answer.headers for name in HARDENED)


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "http://127.0.0.1:9999", "null", "http://[", "http://127.0.0.1:8000.x"],
)
@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_foreign_origins_change_nothing(client: TestClient, method: str, origin: str) -> None:
    answer = client.request(method, "/v1/items/1", headers={"Origin": origin}, json={})
    assert "not accepted" in error_of(answer, 403)
    assert client.get("/v1/items/1").status_code == 200


def test_our_own_pages_may_post(client: TestClient) -> None:
    for origin in (ADDRESS, ADDRESS.upper()):
        answer = client.post("/v1/search", headers={"Origin": origin}, json={"q": "red"})
        assert answer.status_code == 200
    answer = client.get("/v1/search?q=red", headers={"Origin": "http://evil.example"})
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.slow
@pytest.mark.parametrize(
    ("allowed", "host", "served"),
    [
        (("*",), "anything.example:8000", True),
        (("*",), "a b", False),
        (("*.example",), "photos.example", True),
        (("*.example",), "a.b.Example:1", True),
        (("*.example",), "example", False),
        (("*.example",), "photosexample", False),
        (("*.example",), "photos.example.evil", False),
        (("bücher.example",), "xn--bcher-kva.example", True),
        (("photos.example",), "photos.example.", True),
    ],
)
def test_which_names_are_allowed(
    tmp_path: Path, allowed: tuple[str, ...], host: str, served: bool
) -> None:
    with serving(tmp_path, allowed_hosts=allowed) as (client, _):
        answer = client.get("/v1/models", headers={"Host": host})
    assert answer.status_code == (200 if served else 400)


def raw(app: Any, path: str, version: str, *headers: tuple[bytes, bytes]) -> int:
    """The status of a GET as a server hands it on, with these headers alone."""
    sent: list[Any] = []
    body = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Any:
        if not body:
            await asyncio.Event().wait()  # the caller stays
        return body.pop()

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "http_version": version,
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": list(headers),
    }
    asyncio.run(app(scope, receive, send))
    status: int = sent[0]["status"]
    return status


@pytest.mark.parametrize("path", ["/ping", "/", "/docs", "/static/app.js"])
def test_checks_of_balancers_name_no_host(client: TestClient, path: str) -> None:
    """HTTP/1.0 needs none, and no browser speaks it."""
    assert raw(client.app, path, "1.0") == 200
    assert raw(client.app, path, "1.1") == 400
    assert raw(client.app, path, "1.0", (b"host", b"evil.example")) == 400
    assert raw(client.app, path, "1.0", (b"host", b"")) == 400


PICTURE = {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
LINK = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
FRAME = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("how", [PICTURE, LINK, FRAME, {"Sec-Fetch-Mode": "cors"}, {}])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/items/1/thumbnail"),
        ("GET", "/v1/items/1/image"),
        ("GET", "/v1/search?q=red"),
        ("HEAD", "/v1/search?q=red"),
        ("POST", "/v1/search"),
        ("POST", "/v1/embeddings"),
        ("GET", "/health"),
        ("GET", "/metrics"),
    ],
)
def test_pages_of_other_sites_are_not_answered(
    client: TestClient, site: str, how: dict[str, str], method: str, path: str
) -> None:
    answer = client.request(method, path, headers={"Sec-Fetch-Site": site, **how})
    assert answer.status_code == 403


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_our_page_and_persons_are(client: TestClient, site: str) -> None:
    for path in ("/", "/v1/items/1/thumbnail", "/v1/search?q=red"):
        assert client.get(path, headers={"Sec-Fetch-Site": site}).status_code == 200


@pytest.mark.parametrize(("how", "status"), [(LINK, 200), (FRAME, 403), (PICTURE, 403)])
@pytest.mark.parametrize("path", ["/", "/docs"])
def test_a_link_on_another_site_leads_to_the_page(
    client: TestClient, path: str, how: dict[str, str], status: int
) -> None:
    answer = client.get(path, headers={"Sec-Fetch-Site": "cross-site", **how})
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("host", "origin", "accepted"),
    [
        ("photos.example", "https://photos.example:8443", True),  # the proxy dropped the port
        ("127.0.0.1", "https://127.0.0.1:8443", True),
        ("127.0.0.1:8000", "https://photos.example:8443", True),  # it asks by another name
        ("127.0.0.1:8000", "https://photos.example", True),
        ("photos.example:8443", "https://photos.example:8443", True),
        ("photos.example", "https://evil.example", False),
        ("photos.example", "https://photos.example.evil", False),
        ("127.0.0.1:8000", "http://127.0.0.1:9999", False),
        ("127.0.0.1:8000", "http://localhost:9999", False),
        ("photos.example", "null", False),
    ],
)
def test_pages_behind_a_proxy(client: TestClient, host: str, origin: str, accepted: bool) -> None:
    headers = {"Host": host, "Origin": origin}
    answer = client.post("/v1/search", headers=headers, json={"q": "red"})
    assert answer.status_code == (200 if accepted else 403)


@pytest.mark.parametrize(
    "path", ["/", "/health", "/nowhere", "/v1/items", "/v1/items/1/image", "/static/app.js"]
)
def test_every_answer_is_hardened(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert answer.headers["cache-control"]
