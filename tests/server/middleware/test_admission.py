"""Bodies that are too large, and queues that are full."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.serving import HARDENED, Gate, error_of, eventually, serving

JSON = dict[str, Any]


def test_a_body_that_says_it_is_too_large(client: TestClient) -> None:
    answer = client.post("/v1/search", content=b"x" * 200_001)
    message = error_of(answer, 413)
    assert message == ("the request has 200001 bytes, limit 200000; raise MMEMBED_MAX_UPLOAD_MB")
    assert answer.headers["connection"] == "close"
    assert all(name in answer.headers for name in HARDENED)


@pytest.mark.parametrize("path", ["/v1/search", "/v1/classify", "/v1/items/1"])
@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x"])
def test_a_body_that_turns_out_too_large(client: TestClient, path: str, kind: str) -> None:
    read = 0

    def endless() -> Iterator[bytes]:
        nonlocal read
        yield b'--x\r\nContent-Disposition: form-data; name="images"; filename="a"\r\n\r\n'
        while read < 10_000_000:
            read += 10_000
            yield b"x" * 10_000

    method = "PATCH" if "items" in path else "POST"
    answer = client.request(method, path, content=endless(), headers={"Content-Type": kind})
    assert "limit 200000; raise MMEMBED_MAX_UPLOAD_MB" in error_of(answer, 413)


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x"])
def test_a_body_that_never_ends_is_not_waited_for(client: TestClient, kind: str) -> None:
    """As a server sees it, because the test client sends its bodies whole."""
    parts = [b'--x\r\nContent-Disposition: form-data; name="images"; filename="a"\r\n\r\n']
    sent: list[JSON] = []

    async def receive() -> JSON:
        parts.append(b"x" * 10_000)
        return {"type": "http.request", "body": parts[-2], "more_body": True}

    async def send(message: Any) -> None:
        sent.append({**message, "parts": len(parts)})

    headers = {"host": "localhost", "transfer-encoding": "chunked", "content-type": kind}
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/classify",
        "raw_path": b"/v1/classify",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    app: Any = client.app
    asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == 413
    assert (b"connection", b"close") in sent[0]["headers"]
    assert [one["parts"] for one in sent[:2]] == [22, 22]  # the answer is out by then


@pytest.mark.slow
def test_a_body_within_the_limit_is_read(client: TestClient) -> None:
    padded = b'{"q": "red"}' + b" " * 150_000
    for _ in range(20):  # what was counted is given back
        answer = client.post("/v1/search", content=padded)
        assert answer.status_code == 200
        assert "connection" not in answer.headers


def test_a_full_queue_says_when_to_come_back(tmp_path: Path) -> None:
    gate = Gate()
    with serving(tmp_path, gate, max_queue=2) as (client, _), ThreadPoolExecutor(8) as pool:
        client.get("/v1/search?q=warm")
        gate.close()
        waiting = [pool.submit(client.get, "/v1/search?q=red") for _ in range(2)]
        eventually(gate.reached.is_set)
        app: Any = client.app
        eventually(lambda: in_progress(app) == 2)
        refused = client.get("/v1/search?q=red")
        gate.open.set()
        assert [one.result().status_code for one in waiting] == [200, 200]
        message = error_of(refused, 429)
        assert "MMEMBED_MAX_QUEUE" in message
        assert refused.headers["retry-after"] == "1"
        assert client.get("/v1/search?q=red").status_code == 200


def in_progress(app: Any) -> int:
    """How many requests that need a model the app is at."""
    return int(app.state.lanes.models.running)
