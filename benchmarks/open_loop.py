"""Callers of a server who keep to a pace, whatever becomes of what they asked before.

They run in a process of their own, which shares the machine with the server: so they are as cheap
as Python allows.
"""

from __future__ import annotations

import math
import multiprocessing
import select
import socket
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from benchmarks import http_load

CONNECTIONS = 1000
"""At most, of all callers together."""
TICK_S = 0.005
"""How often the requests that are due by then are sent."""
READY = 64
"""Requests that are made up before they are due, and sent in turns with fresh bytes."""
PATIENCE_S = 30.0
RECEIVED = 65_536
"""Bytes that are taken at a time."""


@dataclass
class Answers:
    """What came back: seconds by status; 0 is a connection that broke."""

    seconds: dict[int, list[float]] = field(default_factory=dict)
    late: int = 0
    """Good answers that came after the time was up: they do not count as done in it."""

    def add(self, status: int, seconds: float) -> None:
        """One answer."""
        self.seconds.setdefault(status, []).append(seconds)

    @property
    def in_time(self) -> int:
        """Good answers before the time was up."""
        return len(self.seconds.get(200, [])) - self.late

    def good(self) -> list[float]:
        """Seconds of those with status 200, rising."""
        return sorted(self.seconds.get(200, []))

    def counts(self) -> dict[int, int]:
        """How many there were of each status."""
        return dict(Counter({status: len(found) for status, found in self.seconds.items()}))


class Line:
    """One connection that sends raw requests and takes the answers, one at a time."""

    __slots__ = ("closing", "due", "head", "idle", "left", "socket", "status")

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self.due = 0.0
        self.left: int | None = None
        self.head = b""
        self.status = 0
        self.closing = False
        self.idle = True

    def send(self, request: bytes, due: float) -> None:
        """The next request. Raises OSError if the server closed the connection."""
        self.due, self.left, self.head, self.idle = due, None, b"", False
        sent = 0
        while sent < len(request):
            try:
                sent += self.socket.send(request[sent:])
            except BlockingIOError:
                room = select.poll()  # unlike select(), for any descriptor
                room.register(self.socket, select.POLLOUT)
                room.poll(1000 * PATIENCE_S)

    def receive(self) -> bool:
        """Take what came; returns whether the answer is whole. Its status is 0 if the connection
        broke."""
        try:
            data = self.socket.recv(RECEIVED)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self.status, self.closing = 0, True
            return True
        if self.left is None:
            self.head += data
            end = self.head.find(b"\r\n\r\n")
            if end < 0:
                return False
            self._read_head(self.head[:end].lower(), len(self.head) - end - 4)
        else:
            self.left -= len(data)
        return self.left is not None and self.left <= 0

    def _read_head(self, head: bytes, came: int) -> None:
        self.status = int(head[9:12])
        at = head.find(b"content-length: ")
        self.closing = b"connection: close" in head
        self.left = int(head[at + 16 :].split(b"\r\n", 1)[0]) - came


class Crowd:
    """The callers of one address."""

    def __init__(self, address: str, requests: Iterator[bytes]) -> None:
        at = urlsplit(address)
        self.address = at.hostname or "", at.port or 80
        self.requests = requests
        self.answers = Answers()
        self.free: list[Line] = []
        self.due: deque[float] = deque()
        self.lines: dict[int, Line] = {}
        self.events = select.epoll()
        self.again = False
        self.until = math.inf

    def closed(self, clients: int, seconds: float) -> Answers:
        """Every client asks again as soon as it has its answer."""
        self.again = True
        now = time.perf_counter()
        self.due.extend([now] * clients)
        self.until = now + seconds
        while time.perf_counter() < self.until:
            self._send()
            self._take(TICK_S)
        self.again = False
        return self._drained()

    def paced(self, per_s: float, seconds: float) -> Answers:
        """`per_s` requests a second."""
        started = time.perf_counter()
        self.until = started + seconds
        sent = 0
        while (passed := time.perf_counter() - started) < seconds:
            due = int(passed * per_s)
            self.due.extend(started + number / per_s for number in range(sent, due))
            sent = due
            self._send()
            time.sleep(TICK_S)  # so that answers are taken many at a time
            self._take(0)
        return self._drained()

    def _send(self) -> None:
        while self.due and (self.free or len(self.lines) < CONNECTIONS):
            due = self.due.popleft()
            try:
                line = self.free.pop() if self.free else self._connected()
            except OSError:
                self.answers.add(0, 0.0)
                continue
            self._ask(line, due)

    def _ask(self, line: Line, due: float) -> None:
        try:
            line.send(next(self.requests), due)
        except OSError:  # closed while it was idle
            self._close(line)
            self.due.appendleft(due)

    def _connected(self) -> Line:
        connected = socket.create_connection(self.address)
        connected.setblocking(False)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line = self.lines[connected.fileno()] = Line(connected)
        self.events.register(connected, select.EPOLLIN)
        return line

    def _close(self, line: Line) -> None:
        if line in self.free:
            self.free.remove(line)
        del self.lines[line.socket.fileno()]
        line.socket.close()

    def _take(self, wait_s: float) -> None:
        for number, _ in self.events.poll(wait_s, CONNECTIONS):
            line = self.lines[number]
            if line.receive():
                self._done(line)

    def _done(self, line: Line) -> None:
        if line.idle:  # the server closed it
            self._close(line)
            return
        now = time.perf_counter()
        line.idle = True
        self.answers.add(line.status, now - line.due)
        self.answers.late += line.status == 200 and now > self.until
        if line.closing:
            self._close(line)
        else:
            self.free.append(line)
        if self.again:
            self.due.append(now)
            self._send()

    def _drained(self) -> Answers:
        """What is still due was not sent in time; what was sent is waited for."""
        for _ in self.due:
            self.answers.add(-1, 0.0)
        self.due.clear()
        until = time.perf_counter() + PATIENCE_S
        while len(self.lines) > len(self.free) and time.perf_counter() < until:
            self._take(0.02)
        return self.answers


def raw_requests(address: str, kind: str) -> Iterator[bytes]:
    """Endless, each with words or bytes of its own."""
    images = [http_load.photograph(seed) for seed in range(8)] if kind != "search" else []
    host = urlsplit(address).netloc
    ready = [http_load.request(kind, images) for _ in range(READY)]
    number = time.time_ns() % 10**9
    while True:
        for method, path, body in ready:
            number += 1
            if body is None:
                yield f"{method} {path}+{number} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
            else:
                fresh = with_tail(body, number)
                yield (
                    f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json"
                    f"\r\nContent-Length: {len(fresh)}\r\n\r\n"
                ).encode() + fresh


def with_tail(body: bytes, number: int) -> bytes:
    """The same picture as another file: the last bytes of its base64 are changed, which lie
    behind the picture's end."""
    end = body.index(b'"', body.index(b"base64,"))
    return body[: end - 12] + f"{number % 10**8:08d}".encode() + body[end - 4 :]


def crowd(address: str, kind: str, what: str, much: float, seconds: float, answer: Any) -> None:
    """A process: puts its Answers into the queue. what: `closed` with so many clients, or `paced`
    with so many requests a second."""
    callers = Crowd(address, raw_requests(address, kind))
    answer.put(
        callers.closed(int(much), seconds) if what == "closed" else callers.paced(much, seconds)
    )


def ask(address: str, kind: str, what: str, much: float, seconds: float) -> Answers:
    """The same from here, as a process of its own."""
    context = multiprocessing.get_context("spawn")
    answer = context.Queue()
    process = context.Process(target=crowd, args=(address, kind, what, much, seconds, answer))
    process.start()
    found: Answers = answer.get()
    process.join()
    return found
