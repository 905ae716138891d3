"""A server under overload, with its refusing process: real connections, real processes."""

from __future__ import annotations

import itertools
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import httpx2 as httpx
import pytest

from mmembed.server.listener import overload, refusing_child, refusing_process
from mmembed.server.middleware.request_log import ACCESS_LOGGER
from tests.serving import (
    FAKE,
    PATIENCE_S,
    Gate,
    Process,
    connect,
    eventually,
    listening,
    open_collection,
)

pytestmark = pytest.mark.slow
if not refusing_child.CAN_REFUSE:
    pytest.skip("the system lacks what the process needs", allow_module_level=True)

SEARCH = b"GET /v1/search?q=red HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
REFUSED = re.compile(r'requests_total{.*route="other",status="429"} (\S+)')
FEW = 3
"""Refusals within a second that are overload here."""
FIELDS = re.compile(rb"content-length: (\d+)\r\n")


def children(parent: int) -> list[int]:
    """The refusing processes of a server."""
    listed = subprocess.run(
        ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(parent)], capture_output=True, text=True
    ).stdout
    return [int(line.split()[0]) for line in listed.splitlines() if "refusing_process" in line]


def lives(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def answer(raw: socket.socket) -> bytes:
    """One whole answer."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += (part := raw.recv(65_536))
        assert part, data
    head, _, body = data.partition(b"\r\n\r\n")
    length = FIELDS.search(head + b"\r\n")
    assert length is not None, data
    while len(body) < int(length[1]):
        body += raw.recv(65_536)
    assert len(body) == int(length[1])
    return head + b"\r\n\r\n" + body


def ask(raw: socket.socket, request: bytes) -> int:
    """The status of a request."""
    raw.sendall(request)
    return int(answer(raw)[9:12])


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Overload begins early, however slow this machine is."""
    monkeypatch.setattr(overload, "BUSY_PER_S", FEW)
    monkeypatch.setattr(overload, "FEW", 1)


def connections(child: int) -> int:
    """The connections that a refusing process has, beside its listener and its channel."""
    files = []
    for file in Path(f"/proc/{child}/fd").iterdir():
        with suppress(OSError):  # closed by now
            files.append(os.readlink(file))
    return sum(file.startswith("socket:") for file in files) - 2


def overload_of(address: str, server: int) -> int:
    """Bring a server to overload; its refusing process, when it has taken over."""

    def takes_over() -> bool:
        with closing(connect(address)) as raw:
            for number in range(5 * FEW):
                ask(raw, SEARCH.replace(b"red", b"red+%d" % number))
            return any(connections(child) > 0 for child in children(server))

    eventually(takes_over)
    return next(child for child in children(server) if connections(child) >= 0)


class Full(NamedTuple):
    """A server without room."""

    address: str
    gate: Gate

    def overload(self) -> int:
        """Begin overload; the refusing process."""
        return overload_of(self.address, os.getpid())


@contextmanager
def full(folder: Path) -> Iterator[Full]:
    gate = Gate()
    collection = open_collection(folder, gate, max_queue=1)
    with listening(collection) as address:
        assert httpx.get(f"{address}/v1/search?q=warm", timeout=PATIENCE_S).status_code == 200
        gate.close()
        with closing(connect(address)) as first:
            first.sendall(SEARCH)
            eventually(gate.reached.is_set)
            try:
                yield Full(address, gate)
            finally:
                gate.open.set()
                assert answer(first).startswith(b"HTTP/1.1 200 ")
    eventually(lambda: not children(os.getpid()))


def test_refusals_and_answers_are_as_ever(tmp_path: Path) -> None:
    with full(tmp_path) as server, httpx.Client(timeout=PATIENCE_S) as client:
        address = server.address
        own = client.get(f"{address}/v1/search?q=red", headers={"X-Request-Id": "a"})
        server.overload()
        for _ in range(3):
            other = client.get(f"{address}/v1/search?q=red", headers={"X-Request-Id": "a"})
            assert (other.status_code, other.json()) == (429, own.json())
            assert set(other.headers) == set(own.headers)
            assert other.headers["x-request-id"] == "a"
            assert int(other.headers["retry-after"]) >= 1
            for path in ("/", "/static/app.js", "/v1/items", "/metrics", "/v1/models"):
                assert client.get(f"{address}{path}").status_code == 200, path
            assert client.get(f"{address}/v1/items/9/thumbnail").status_code == 404
        with closing(connect(address)) as raw:
            raw.sendall(SEARCH * 2 + SEARCH.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            assert b"".join(iter(lambda: raw.recv(65_536), b"")).count(b"HTTP/1.1 429 ") == 3


def test_bodies_of_refused_requests_are_skipped(tmp_path: Path) -> None:
    with full(tmp_path) as server:
        server.overload()
        with closing(connect(server.address)) as raw:
            for _ in range(3):
                raw.sendall(POST + b"Content-Length: 50000\r\n\r\n" + SEARCH * 9)
                assert answer(raw).startswith(b"HTTP/1.1 429 ")
                raw.sendall(bytes(50_000 - 9 * len(SEARCH)))
                assert ask(raw, b"GET /v1/items HTTP/1.1\r\nHost: localhost\r\n\r\n") == 200
                raw.sendall(SEARCH[:30])
                time.sleep(0.05)
                raw.sendall(SEARCH[30:])
                assert answer(raw).startswith(b"HTTP/1.1 429 ")


def test_a_refused_caller_is_answered_when_there_is_room(tmp_path: Path) -> None:
    body = b'{"q": "red"}' + b" " * 100_000
    posted = POST + b"Content-Length: %d\r\n\r\n" % len(body) + body
    with full(tmp_path) as server, ExitStack() as stack:
        server.overload()
        lines = [stack.enter_context(closing(connect(server.address))) for _ in range(20)]
        assert {ask(raw, SEARCH) for raw in lines} == {429}
        server.gate.open.set()
        eventually(lambda: ask(lines[0], SEARCH) == 200)
        for raw in lines:
            eventually(lambda raw=raw: ask(raw, posted) == 200)


def test_refusals_are_counted(tmp_path: Path) -> None:
    def counted() -> int:
        shown = client.get(f"{server.address}/metrics").text
        return sum(int(float(number)) for number in REFUSED.findall(shown))

    with full(tmp_path) as server, httpx.Client(timeout=PATIENCE_S) as client:
        server.overload()
        before = 0
        while before != (before := counted()):
            time.sleep(1)
        for _ in range(20):
            client.get(f"{server.address}/v1/search?q=red")
            client.post(f"{server.address}/v1/search", json={})
        eventually(lambda: counted() == before + 40)


def test_the_server_accepts_again_when_it_is_calm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with full(tmp_path) as server, ExitStack() as stack:
        child = server.overload()
        lines = [stack.enter_context(closing(connect(server.address))) for _ in range(20)]
        for raw in lines:
            raw.sendall(POST + b"Content-Length: 9\r\n\r\n12345")
            assert answer(raw).startswith(b"HTTP/1.1 429 ")
        eventually(lambda: connections(child) == 0)
        monkeypatch.setattr(overload, "BUSY_PER_S", 1000)
        os.kill(child, signal.SIGSTOP)  # all is the server's again
        for raw in lines:
            raw.sendall(b"6789")
            assert ask(raw, SEARCH) == 429
        assert httpx.get(f"{server.address}/v1/items").status_code == 200
        os.kill(child, signal.SIGCONT)
        monkeypatch.setattr(overload, "BUSY_PER_S", FEW)
        assert server.overload() == child


def test_the_server_outlives_its_refusing_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(overload, "AGAIN_S", 0.5)
    with full(tmp_path) as server, ExitStack() as stack:
        child = server.overload()
        lost = stack.enter_context(closing(connect(server.address)))
        assert ask(lost, SEARCH) == 429
        os.kill(child, signal.SIGKILL)
        eventually(lambda: not lives(child))
        with pytest.raises((ConnectionError, AssertionError)):
            ask(lost, SEARCH)
        with closing(connect(server.address)) as raw:
            assert ask(raw, SEARCH) == 429
        assert "refuses requests has ended" in caplog.text
        time.sleep(0.5)
        assert server.overload() != child


def test_a_process_that_hangs_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overload, "STUCK_S", 0.5)
    with full(tmp_path) as server:
        child = server.overload()
        os.kill(child, signal.SIGSTOP)
        eventually(lambda: not lives(child))
        with closing(connect(server.address)) as raw:
            assert ask(raw, SEARCH) == 429


def test_an_access_log_has_a_line_for_every_refusal(tmp_path: Path) -> None:
    logging.getLogger(ACCESS_LOGGER).setLevel(logging.INFO)
    try:
        with full(tmp_path) as server:
            with closing(connect(server.address)) as raw:
                assert {ask(raw, SEARCH) for _ in range(5 * FEW)} == {429}
            time.sleep(0.3)
            assert not children(os.getpid())
    finally:
        logging.getLogger(ACCESS_LOGGER).setLevel(logging.NOTSET)


# -- processes -----------------------------------------------------------------------


@contextmanager
def overloaded(folder: Path) -> Iterator[tuple[Process, int]]:
    """`mmembed serve` that answers slowly, and its refusing process."""
    with Process(
        *(FAKE, "--data", str(folder), "--model", "fake"),
        MMEMBED_MAX_QUEUE="1",
        SECONDS_A_BATCH="0.5",
        BUSY_PER_S=str(FEW),
    ) as process:
        stop = threading.Event()
        busy = threading.Thread(target=keep_busy, args=(process.address, stop))
        busy.start()
        try:
            yield process, overload_of(process.address, process.child.pid)
        finally:
            stop.set()
            busy.join()


def keep_busy(address: str, stop: threading.Event) -> None:
    """Ask for other words one after the other."""
    with closing(connect(address)) as raw, suppress(OSError, AssertionError):
        for number in itertools.count():
            if stop.is_set() or ask(raw, SEARCH.replace(b"red", b"blue+%d" % number)) == 0:
                return


def test_the_process_ends_with_a_killed_server(tmp_path: Path) -> None:
    with overloaded(tmp_path) as (process, child):
        os.killpg(os.getpgid(child), signal.SIGINT)  # the server decides, and not a signal
        os.kill(child, signal.SIGTERM)
        with closing(connect(process.address)) as raw:
            assert ask(raw, SEARCH) in (200, 429)
        assert lives(child)
        process.end(signal.SIGKILL)
        eventually(lambda: not lives(child))


def test_it_gives_way_to_the_server(tmp_path: Path) -> None:
    with overloaded(tmp_path) as (process, child):
        server = process.child.pid
        assert os.getsid(child) == os.getsid(server)
        assert os.getpgid(child) == child != os.getpgid(server)
        priorities = [os.getpriority(os.PRIO_PROCESS, pid) for pid in (server, child)]
        assert priorities[1] == min(19, priorities[0] + refusing_process.GIVES_WAY)


def test_requests_in_progress_are_answered_at_the_end(tmp_path: Path) -> None:
    with overloaded(tmp_path) as (process, child), closing(connect(process.address)) as raw:
        eventually(lambda: ask(raw, SEARCH) == 200)
        raw.sendall(SEARCH.replace(b"red", b"last+one"))
        time.sleep(0.1)
        code, said = process.end()
        assert not lives(child)
        assert (code, said) == (0, "")
        assert answer(raw)[9:12] in (b"200", b"429")


def test_the_program_needs_no_library() -> None:
    program = (
        "import sys; import mmembed.server.listener.refusing_process; "
        "print(*{name.partition('.')[0] for name in sys.modules} - set(sys.stdlib_module_names))"
    )
    shown = subprocess.run([sys.executable, "-S", "-c", program], capture_output=True, text=True)
    assert {*shown.stdout.split()} - {"__main__", "openvino_telemetry"} == {"mmembed"}
