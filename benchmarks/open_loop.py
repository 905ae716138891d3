"""Callers of a server who keep to a pace, whatever becomes of what they asked before.

They run in a process of their own, which shares the machine with the server: so they are as cheap
as Python allows.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
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


class Line(asyncio.Protocol):
    """One connection that sends raw requests and takes the answers, one at a time."""

    def __init__(self, done: Callable[[Line, int], None]) -> None:
        self.done = done
        self.due = 0.0
        self.left: int | None = None
        self.head = b""
        self.status = 0
        self.closing = False
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        """As asyncio calls it."""
        self.transport = transport

    def send(self, request: bytes, due: float) -> None:
        """The next request."""
        self.due, self.left, self.head = due, None, b""
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        """As asyncio calls it."""
        if self.left is None:
            self.head += data
            end = self.head.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self.head[:end].lower()
            self.status = int(head[9:12])
            at = head.find(b"content-length: ")
            self.closing = b"connection: close" in head
            self.left = int(head[at + 16 :].split(b"\r\n", 1)[0]) - (len(self.head) - end - 4)
        else:
            self.left -= len(data)
        if self.left <= 0:
            if self.closing:
                self.transport.close()
            self.done(self, self.status)

    def connection_lost(self, error: Exception | None) -> None:
        """As asyncio calls it."""
        if not self.closing:  # by the server, while it was asked or idle
            self.closing = True
            self.done(self, 0)


class Crowd:
    """The callers of one address."""

    def __init__(self, address: str, requests: Iterator[bytes]) -> None:
        at = urlsplit(address)
        self.host, self.port = at.hostname or "", at.port or 80
        self.requests = requests
        self.answers = Answers()
        self.free: deque[Line] = deque()
        self.due: deque[float] = deque()
        self.open = 0
        self.busy = 0
        self.again = False
        self.until = float("inf")

    async def closed(self, clients: int, seconds: float) -> Answers:
        """Every client asks again as soon as it has its answer."""
        self.again = True
        now = time.perf_counter()
        self.due.extend([now] * clients)
        self.until = now + seconds
        while time.perf_counter() < self.until:
            await self._send()
            await asyncio.sleep(TICK_S)
        self.again = False
        await self._drain()
        return self.answers

    async def paced(self, per_s: float, seconds: float) -> Answers:
        """`per_s` requests a second."""
        started = time.perf_counter()
        self.until = started + seconds
        sent = 0
        while (passed := time.perf_counter() - started) < seconds:
            due = int(passed * per_s)
            self.due.extend(started + number / per_s for number in range(sent, due))
            sent = due
            await self._send()
            await asyncio.sleep(TICK_S)
        await self._drain()
        return self.answers

    async def _send(self) -> None:
        while self.due and (self.free or self.open < CONNECTIONS):
            if not self.free:
                await self._connect()
            self._ask_free()

    def _ask_free(self) -> None:
        while self.due and self.free:
            line = self.free.popleft()
            if line.transport.is_closing():
                line.closing = True
                self.open -= 1
            else:
                self._ask(line)

    def _ask(self, line: Line) -> None:
        self.busy += 1
        line.send(next(self.requests), self.due.popleft())

    async def _connect(self) -> None:
        self.open += 1
        try:
            loop = asyncio.get_running_loop()
            _, line = await loop.create_connection(lambda: Line(self._done), self.host, self.port)
            self.free.append(line)
        except OSError:
            self.open -= 1
            self.answers.add(0, 0.0)
            self.due.popleft()

    def _done(self, line: Line, status: int) -> None:
        if line in self.free:  # it was idle, and the server closed it
            self.free.remove(line)
            self.open -= 1
            return
        self.busy -= 1
        now = time.perf_counter()
        self.answers.add(status, now - line.due)
        self.answers.late += status == 200 and now > self.until
        if line.closing:
            self.open -= 1
            if self.again:
                self.due.append(now)
            return
        if self.again:
            self.due.append(now)
            self._ask(line)
        else:
            self.free.append(line)
            self._ask_free()

    async def _drain(self) -> None:
        """What is still due was not sent in time; what was sent is waited for."""
        for _ in self.due:
            self.answers.add(-1, 0.0)
        self.due.clear()
        until = time.perf_counter() + PATIENCE_S
        while self.busy and time.perf_counter() < until:
            await asyncio.sleep(0.02)


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

    async def run() -> Answers:
        callers = Crowd(address, raw_requests(address, kind))
        if what == "closed":
            return await callers.closed(int(much), seconds)
        return await callers.paced(much, seconds)

    answer.put(asyncio.run(run()))


def ask(address: str, kind: str, what: str, much: float, seconds: float) -> Answers:
    """The same from here, as a process of its own."""
    context = multiprocessing.get_context("spawn")
    answer = context.Queue()
    process = context.Process(target=crowd, args=(address, kind, what, much, seconds, answer))
    process.start()
    found: Answers = answer.get()
    process.join()
    return found
