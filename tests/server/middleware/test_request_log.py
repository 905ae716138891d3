"""Request ids, and the log that carries them."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from starlette.testclient import TestClient

from mmembed.server import logs
from tests.fake_encoder import FakeEncoder
from tests.serving import FAKE, Process, serving


class Buggy(FakeEncoder):
    def embed_texts(self, texts: Any) -> Any:
        raise ZeroDivisionError("a bug")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with serving(tmp_path_factory.mktemp("collection"), Buggy()) as (client, _):
        yield client


@pytest.fixture(params=["text", "json"])
def written(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """What the log says, in either form."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(logs.name_the_request)
    handler.setFormatter(logs.AsJson() if request.param == "json" else logs.AsText())
    root, access = logging.getLogger(), logging.getLogger("mmembed.access")
    before = access.level
    root.addHandler(handler)
    access.setLevel(logging.INFO)
    yield stream
    access.setLevel(before)
    root.removeHandler(handler)


@pytest.mark.parametrize("given", ["abc", "A-1.b_c:d/e+f=@", "x" * 128])
def test_an_id_that_came_along_is_kept(client: TestClient, given: str) -> None:
    answer = client.get("/v1/items", headers={"X-Request-Id": given})
    assert answer.headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "x" * 129, "a b", "a\tb", "ä", '"', "<script>", "a;b"])
def test_an_id_that_could_do_harm_is_replaced(client: TestClient, given: str) -> None:
    answer = client.get("/v1/items", headers=[(b"X-Request-Id", given.encode("latin-1"))])
    assert re.fullmatch("[0-9a-f]{16}", answer.headers["x-request-id"])


@pytest.mark.slow
def test_every_request_has_an_id_of_its_own(client: TestClient) -> None:
    paths = ["/", "/health", "/nowhere", "/v1/items", "/v1/items"]
    ids = [client.get(path).headers["x-request-id"] for path in paths]
    ids.append(client.get("/", headers={"Host": "evil.example"}).headers["x-request-id"])
    assert len(set(ids)) == len(ids)


def test_a_line_for_every_request(client: TestClient, written: io.StringIO) -> None:
    client.get("/v1/items?tag=secret-wish", headers={"X-Request-Id": "abc"})
    [line] = written.getvalue().splitlines()
    assert "secret-wish" not in line
    if line.startswith("{"):
        entry = json.loads(line)
        assert entry.pop("ms") > 0
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry.pop("time"))
        assert entry == {
            "level": "INFO",
            "logger": "mmembed.access",
            "client": "testclient",
            "method": "GET",
            "path": "/v1/items",
            "status": 200,
            "bytes": len(client.get("/v1/items").content),
            "request_id": "abc",
        }
    else:
        assert re.fullmatch(r"\S+Z testclient GET /v1/items 200 [\d.]+ ms \d+ bytes \[abc\]", line)


def test_every_line_of_a_request_has_its_id(client: TestClient, written: io.StringIO) -> None:
    """The bug is met on the thread of the route."""
    answer = client.get("/v1/search?q=private+words", headers={"X-Request-Id": "abc"})
    assert answer.status_code == 500
    text = written.getvalue()
    assert "ZeroDivisionError: a bug" in text
    assert "private" not in text
    if text.startswith("{"):
        assert [json.loads(line)["request_id"] for line in text.splitlines()] == ["abc", "abc"]
    else:
        assert text.splitlines()[0] == (
            "ERROR mmembed.server.error_answers: GET /v1/search failed [abc]"
        )
        assert text.count("[abc]") == 2
    logging.getLogger("mmembed.elsewhere").warning("of no request")
    assert "abc" not in written.getvalue().splitlines()[-1]


def test_a_path_forges_no_line(client: TestClient, written: io.StringIO) -> None:
    client.get("/v1/%0aINFO%20forged%1b[31m" + "x" * 1000)
    [line] = written.getvalue().splitlines()
    assert "%0AINFO%20forged%1B" in line
    assert len(line) < 600


@pytest.mark.slow
def test_a_real_server_says_nothing_unless_asked(tmp_path: Path) -> None:
    lines = {}
    for mode in ("off", "text", "json"):
        folder = str(tmp_path / mode)
        with Process(FAKE, "--data", folder, "--model", "fake", MMEMBED_LOG=mode) as process:
            assert httpx.get(f"{process.address}/health?private=1").status_code == 200
            code, lines[mode] = process.end()
            assert code == 0
    assert lines["off"] == ""
    assert " GET /health 200 " in lines["text"]
    assert json.loads(lines["json"])["path"] == "/health"
    assert "private" not in "".join(lines.values())
