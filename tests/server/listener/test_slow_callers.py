"""Callers who send slowly, read slowly, or hold connections: others are answered all the same."""

from __future__ import annotations

import json
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from mmembed.collection.collection import Collection
from mmembed.server.limits.per_client import Clients
from tests.serving import (
    FAKE,
    PATIENCE_S,
    Gate,
    Process,
    connect,
    eventually,
    listening,
    open_collection,
    picture,
)

pytestmark = pytest.mark.slow

POST = b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
SEARCH = b"GET /v1/search?q=red HTTP/1.1\r\nHost: localhost\r\n\r\n"
SLOW_S = 1.0


@contextmanager
def served(folder: Path, **settings: Any) -> Iterator[tuple[str, Collection]]:
    collection = open_collection(folder, **{"slow_timeout": SLOW_S, **settings})
    with listening(collection) as address:
        assert httpx.get(f"{address}/v1/search?q=warm", timeout=PATIENCE_S).status_code == 200
        yield address, collection


def rest(raw: socket.socket) -> bytes:
    """All that comes until the server closes the connection."""
    parts = []
    while True:
        try:
            part = raw.recv(65536)
        except ConnectionResetError:
            break
        if not part:
            break
        parts.append(part)
    return b"".join(parts)


def is_answered(address: str, path: str = "/v1/search?q=red") -> bool:
    return httpx.get(f"{address}{path}", timeout=PATIENCE_S).status_code == 200


@pytest.mark.parametrize(
    "beginning",
    [
        b"G",
        b"GET / HTTP/1.1\r\nHost: loc",
        POST + b"Content-Length: 100\r\n\r\n{",
        POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{",
    ],
)
def test_a_request_that_never_becomes_whole_is_cut_off(tmp_path: Path, beginning: bytes) -> None:
    with served(tmp_path) as (address, _), closing(connect(address)) as raw:
        raw.sendall(beginning)
        head, _, body = rest(raw).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 408 ")
        assert "MMEMBED_SLOW_TIMEOUT" in json.loads(body)["detail"]


def test_a_byte_now_and_then_is_no_progress(tmp_path: Path) -> None:
    with served(tmp_path) as (address, _), closing(connect(address)) as raw:
        raw.sendall(POST + b"Content-Length: 1000\r\n\r\n")
        until = time.monotonic() + PATIENCE_S
        with suppress(BrokenPipeError, ConnectionResetError):
            while time.monotonic() < until:
                raw.sendall(b" ")
                time.sleep(0.05)
        assert time.monotonic() < until


def test_a_connection_that_asks_nothing_is_closed(tmp_path: Path) -> None:
    with served(tmp_path) as (address, _), closing(connect(address)) as raw:
        assert rest(raw) == b""


def test_a_body_that_goes_on_is_waited_for(tmp_path: Path) -> None:
    body = b'{"q": "red"}' + b" " * 60_000
    with served(tmp_path) as (address, _), closing(connect(address)) as raw:
        raw.sendall(POST + b"Content-Length: %d\r\n\r\n" % len(body))
        for start in range(0, len(body), 2000):  # for longer than the timeout
            raw.sendall(body[start : start + 2000])
            time.sleep(0.05)
        assert raw.recv(100).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "beginning",
    [POST + b"Content-Length: 100\r\n\r\n{", b"GET / HTTP/1.1\r\nHost: loc"],
)
def test_slow_senders_keep_nobody_out(tmp_path: Path, beginning: bytes) -> None:
    with served(tmp_path, max_queue=4, slow_timeout=60.0) as (address, _), ExitStack() as stack:
        for _ in range(100):
            raw = stack.enter_context(closing(connect(address)))
            raw.sendall(beginning)
        assert all(is_answered(address, path) for path in ("/v1/search?q=red", "/v1/items", "/"))


def test_slow_readers_keep_nobody_out_and_are_cut_off(tmp_path: Path) -> None:
    with served(tmp_path, max_queue=4) as (address, collection), ExitStack() as stack:
        # More than the system holds for a connection; bytes after a picture's end do no harm.
        large = picture("red", kind="JPEG") + bytes(8_000_000)
        item = collection.add_image(large, name="large.jpg", captions=[], tags=[])
        request = f"GET /v1/items/{item.id}/image HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        slow = []
        for _ in range(30):
            raw = stack.enter_context(closing(connect(address, room=4096)))
            slow.append(raw)
            raw.sendall(request)
            assert raw.recv(12) == b"HTTP/1.1 200"
        assert is_answered(address)
        assert is_answered(address, f"/v1/items/{item.id}/image")
        time.sleep(2 * SLOW_S + 2)  # deadlines are looked at once a second
        for raw in slow:
            assert len(rest(raw)) < 8_000_000


def test_tiny_chunks_are_refused(tmp_path: Path) -> None:
    with served(tmp_path) as (address, _), closing(connect(address)) as raw:
        raw.sendall(POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 5_000)
        head, _, body = rest(raw).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400 ")
        assert "chunks" in json.loads(body)["detail"]
        assert is_answered(address)


def test_chunks_of_a_sensible_size_are_read(tmp_path: Path) -> None:
    def parts() -> Iterator[bytes]:
        yield b'{"q": "red"'
        for _ in range(3000):
            yield b" " * 16
        yield b"}"

    with served(tmp_path) as (address, _):
        headers = {"Content-Type": "application/json"}
        answer = httpx.post(
            f"{address}/v1/search", content=parts(), headers=headers, timeout=PATIENCE_S
        )
        assert answer.status_code == 200


def test_pipelined_requests_are_all_answered(tmp_path: Path) -> None:
    last = SEARCH.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    with served(tmp_path) as (address, _), closing(connect(address)) as raw:
        raw.sendall(SEARCH * 20 + last)
        assert rest(raw).count(b"HTTP/1.1 200 ") == 21


def test_odd_requests_are_answered(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    upgrade = SEARCH.replace(
        b"\r\n\r\n",
        b"\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: eA==\r\n\r\n",
    )
    odd = {
        b"CONNECT localhost:443 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n": b"404",
        b"BREW / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n": b"405",
        b"\x16\x03\x01\x02\x00\x01": b"400",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 20_000 + b"\r\n": b"400",
        upgrade: b"200",
    }
    with served(tmp_path) as (address, _):
        for request, status in odd.items():
            with closing(connect(address)) as raw:
                raw.sendall(request)
                assert rest(raw)[9:12] in (status, b""), request[:40]
        assert is_answered(address)


def test_idle_connections_make_room(tmp_path: Path) -> None:
    """More of them than there may be, and each of them has asked something before."""
    whole = b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n"
    limits = {"max_connections": 20, "slow_timeout": 60.0}
    with served(tmp_path, **limits) as (address, _), ExitStack() as stack:
        for number in range(80):
            raw = stack.enter_context(closing(connect(address)))
            raw.sendall(whole if number % 2 else whole[:10])
        for path in ("/health", "/v1/search?q=red", "/"):
            assert is_answered(address, path)


def test_one_address_may_hold_so_many_connections(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Clients, "group", lambda self, address: address)  # as if from elsewhere
    limits = {"max_per_client": 5, "slow_timeout": 60.0}
    with served(tmp_path, **limits) as (address, _), ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(closing(connect(address))).sendall(SEARCH[:10])
        eventually(lambda: httpx.get(f"{address}/", timeout=PATIENCE_S).status_code == 429)
        answer = httpx.get(f"{address}/", timeout=PATIENCE_S)
        assert "MMEMBED_MAX_PER_CLIENT" in answer.json()["detail"]
        stack.close()
        eventually(lambda: is_answered(address))


def test_a_server_without_file_descriptors_goes_on(tmp_path: Path) -> None:
    """And does not fill the disk with what it has to say of it."""
    few = 256

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (few, few))

    with Process(FAKE, "--data", str(tmp_path), "--model", "fake", before=limited) as process:
        with ExitStack() as stack:
            for _ in range(few + 50):
                raw = stack.enter_context(closing(connect(process.address)))
                raw.sendall(b"GET / HTTP/1.1\r\nHost")
            for _ in range(3):
                assert is_answered(process.address, "/health")
                assert is_answered(process.address, "/v1/items")
        code, said = process.end()
    assert code == 0
    assert 0 < len(said.splitlines()) < 10
    assert "MMEMBED_MAX_CONNECTIONS" in said


def test_the_limit_of_open_files_is_raised(tmp_path: Path) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (128, hard))

    with Process(FAKE, "--data", str(tmp_path), "--model", "fake", before=limited) as process:
        soft, _ = resource.prlimit(process.child.pid, resource.RLIMIT_NOFILE)
    assert soft > 128


def test_a_refused_caller_keeps_the_connection(tmp_path: Path) -> None:
    gate = Gate()
    collection = open_collection(tmp_path, gate, max_queue=1)
    with listening(collection) as address, httpx.Client(timeout=PATIENCE_S) as client:
        assert client.get(f"{address}/v1/search?q=warm").status_code == 200
        gate.close()
        with closing(connect(address)) as raw:
            raw.sendall(SEARCH)
            eventually(gate.reached.is_set)
            with closing(connect(address)) as other:
                for request in (SEARCH, POST + b"Content-Length: 50000\r\n\r\n"):
                    other.sendall(request)
                    assert other.recv(12) == b"HTTP/1.1 429"
                    if request != SEARCH:
                        other.sendall(bytes(50_000))
                    other.settimeout(1)
                    while True:
                        try:
                            other.recv(65536)
                        except TimeoutError:
                            break
                    other.settimeout(PATIENCE_S)
                other.sendall(b"GET /v1/items HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert other.recv(12) == b"HTTP/1.1 200"
            gate.open.set()
            assert raw.recv(12) == b"HTTP/1.1 200"
