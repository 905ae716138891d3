"""The process that refuses requests while the server has no room for them.

A refusal costs the server a tenth of a millisecond of its interpreter lock, which the models'
threads need. So under overload this process accepts the connections and watches the idle ones. It
answers requests that need a model while there is no room. Every other request goes to the server,
with its connection and the bytes that were read.

The server has a descriptor of each connection that it served, and so has this process. Such a
shared connection changes hands by a message with its number. It imports little, to start fast.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import time

from mmembed.server.limits.per_client import Clients, trusted_proxies
from mmembed.server.limits.refusal_rules import ASSAULT, AT_ONCE, BACK_OFF_S, LOOK_S, SHARE
from mmembed.server.listener.channel import Channel, Kind, Message
from mmembed.server.listener.outbox import Outbox
from mmembed.server.listener.raw_heads import RawRequest, Template, model_request
from mmembed.server.listener.refusing_terms import NO_TERMS, RefusingTerms
from mmembed.server.listener.shared_counts import Count, shared_counts
from mmembed.server.listener.watched_connections import Watched, least_active_first

TURN_S = 0.2
"""Longest wait for events; the server sees by the turns that this process lives."""
MOST_EVENTS = 256
MOST_MESSAGES = 64
"""In one turn."""
GIVES_WAY = 10
"""By so much its nice value is above the server's: answers come before refusals."""


class RefusingProcess:
    """Its state and its loop."""

    def __init__(self, listener: socket.socket, channel: Channel, counts: memoryview) -> None:
        self._listener = listener
        self._channel = channel
        self._counts = counts
        self._events = select.epoll()
        self._outbox = Outbox(channel, self._events, counts, self._forget)
        self._watched: dict[int, Watched] = {}  # by descriptor
        self._refuses = False
        self._accepts = False
        self._accepts_again_at = 0.0
        self._looks_at = 0.0
        self._template = Template(b"", b"")
        self._obey(NO_TERMS)

    def run(self) -> None:
        """Refuse until the server closes the channel, or ends."""
        with contextlib.suppress(EOFError):
            while True:
                self._turn()
        self._events.close()

    def _turn(self) -> None:
        self._counts[Count.TURNS] += 1
        is_needed = self._refuses or self._watched
        for file, event in self._events.poll(TURN_S if is_needed else -1, MOST_EVENTS):
            if file == self._channel.fileno():
                self._exchange(event)
            elif file == self._listener.fileno():
                self._accept()
            elif file in self._watched:
                self._serve(self._watched[file])
        now = time.monotonic()
        if now >= self._looks_at:
            self._looks_at = now + LOOK_S
            self._close_late_ones(now)
        self._accept_or_not(self._refuses and now >= self._accepts_again_at)

    # -- connections -----------------------------------------------------------------

    def _accept_or_not(self, accepts: bool) -> None:
        if accepts == self._accepts:
            return
        self._accepts = accepts
        if accepts:
            self._events.register(self._listener, select.EPOLLIN)
        else:
            self._events.unregister(self._listener)

    def _back_off(self) -> None:
        self._accepts_again_at = time.monotonic() + BACK_OFF_S

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            if self._total >= self._most + AT_ONCE and not self._make_room():
                self._back_off()
                return
            try:
                caller, address = self._listener.accept()
            except BlockingIOError:
                return
            except OSError:  # no descriptor is free
                self._make_room()
                self._back_off()
                return
            self._enter(caller, str(address[0]))

    def _enter(self, caller: socket.socket, address: str) -> None:
        group = self._clients.group(address)
        if self._clients.full(group, ASSAULT):
            caller.close()
            return
        caller.setblocking(False)
        watched = Watched(caller.detach(), group, time.monotonic())
        watched.is_one_too_many = self._clients.full(group)
        self._clients.take(group)
        self._counts[Count.OWN] += 1
        self._watch(watched)
        if self._total > self._most:
            self._make_room()

    @property
    def _total(self) -> int:
        total: int = self._counts[Count.OWN] + self._counts[Count.CONNECTIONS]
        return total

    def _make_room(self) -> int:
        """Close some idle connections, or let the server close some. Returns the number of closed
        ones."""
        now = time.monotonic()
        idle = least_active_first(self._watched.values(), self._clients.held(), now)
        closed = idle[: 1 + self._total // SHARE]
        for watched in closed:
            self._end(watched)
        if not closed:
            self._outbox.tell(Kind.CROWDED)
        return len(closed)

    def _watch(self, watched: Watched) -> None:
        self._watched[watched.file] = watched
        self._events.register(watched.file, select.EPOLLIN)

    def _close_late_ones(self, now: float) -> None:
        for watched in list(self._watched.values()):
            if watched.is_late(now, self._slow_s):
                self._end(watched)

    def _end(self, watched: Watched) -> None:
        """Close a watched connection."""
        self._forget(watched)
        if watched.number:
            self._outbox.tell(Kind.CLOSED, watched.number)

    def _forget(self, watched: Watched) -> None:
        if self._watched.pop(watched.file, None):
            self._events.unregister(watched.file)  # closing does not, while the server has it
        self._clients.give_back(watched.group)
        if watched.number:
            self._outbox.shared.pop(watched.number, None)
        else:
            self._counts[Count.OWN] -= 1
        watched.close()

    # -- requests --------------------------------------------------------------------

    def _serve(self, watched: Watched) -> None:
        if watched.unsent:
            self._write(watched, watched.unsent)
            return
        data = watched.read()
        if data is None:
            return
        if not data:
            self._end(watched)
        elif watched.is_one_too_many:
            watched.write(self._too_many, time.monotonic())
            self._end(watched)
        else:
            self._take(watched, data)

    def _take(self, watched: Watched, data: bytes) -> None:
        if watched.left:
            data = watched.skip(data)
            watched.since = time.monotonic()
        if not data:
            return
        request = model_request(data) if self._refuses else None
        if request is None:
            self._hand(Kind.GIVEN, watched, data)
        elif self._outbox.has_room:
            self._hand(Kind.ADMITTED, watched, data)
        else:
            self._refuse(watched, request)

    def _refuse(self, watched: Watched, request: RawRequest) -> None:
        self._counts[Count.REFUSED_GETS if request.method == "GET" else Count.REFUSED_POSTS] += 1
        watched.left = request.left
        self._write(watched, self._template.answer(request))

    def _write(self, watched: Watched, answer: bytes) -> None:
        waited = bool(watched.unsent)
        if not watched.write(answer, time.monotonic()):
            self._end(watched)
        elif bool(watched.unsent) != waited:
            wanted = select.EPOLLOUT if watched.unsent else select.EPOLLIN
            self._events.modify(watched.file, wanted)
            if not self._refuses and not watched.unsent:
                self._hand(Kind.GIVEN, watched)

    # -- to and from the server ------------------------------------------------------

    def _hand(self, kind: int, watched: Watched, data: bytes = b"") -> None:
        """Let the server have a watched connection."""
        self._events.unregister(watched.file)
        del self._watched[watched.file]
        self._outbox.hand(kind, watched, data)

    def _exchange(self, event: int) -> None:
        """Send and receive what can be. Raises EOFError."""
        if event & select.EPOLLOUT:
            self._outbox.send()
        for message in self._channel.messages(MOST_MESSAGES):
            self._heed(message)

    def _heed(self, message: Message) -> None:
        if message.kind == Kind.LENT:
            self._borrow(message)
        elif message.kind == Kind.ENDED:
            if message.number in self._outbox.shared:
                self._forget(self._outbox.shared[message.number])
        elif message.kind == Kind.LEFT:
            self._clients.give_back(self._clients.group(message.data.decode()))
        elif message.kind == Kind.TEMPLATE:
            head, content = message.data[: message.number], message.data[message.number :]
            self._template = Template(head, content)
        elif message.kind == Kind.REFUSE:
            self._obey(json.loads(message.data))
            self._refuses, self._outbox.is_calm = True, False
        elif message.kind == Kind.CALM:
            self._refuses, self._outbox.is_calm = False, True
            self._hand_all()

    def _hand_all(self) -> None:
        for watched in list(self._watched.values()):
            if watched.is_one_too_many:
                self._end(watched)
            elif not watched.unsent:  # else when the answer is out
                self._hand(Kind.GIVEN, watched)

    def _borrow(self, message: Message) -> None:
        watched = self._outbox.shared.get(message.number)
        if watched is None and message.file is not None:
            watched = self._first_seen(message.number, message.file)
        if watched is None:  # no descriptor was free for it
            self._outbox.tell(Kind.CLOSED, message.number)
            return
        watched.since = time.monotonic()
        self._watch(watched)
        if message.data:
            self._take(watched, message.data)

    def _first_seen(self, number: int, file: int) -> Watched | None:
        try:
            with socket.socket(fileno=os.dup(file)) as caller:
                group = self._clients.group(str(caller.getpeername()[0]))
        except OSError:  # the caller has left
            os.close(file)
            return None
        watched = self._outbox.shared[number] = Watched(file, group, time.monotonic(), number)
        return watched

    def _obey(self, terms: RefusingTerms) -> None:
        """Take the server's limits and counts."""
        self._slow_s = terms["slow_s"]
        self._most = terms["most"]
        self._too_many = terms["too_many"].encode("latin-1")
        self._clients = Clients(terms["per_client"], trusted_proxies(terms["proxies"]))
        for address, count in terms["held"].items():
            self._clients.take(self._clients.group(address), count)
        for watched in self._watched.values():
            if not watched.number:
                self._clients.take(watched.group)


def main(listener: int, channel: int, memory: int) -> None:
    """Run with three inherited descriptors. The server decides when it ends, and not the signals
    that go to all processes of a terminal or a service."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.nice(GIVES_WAY)
    counts = shared_counts(memory)
    os.close(memory)  # it stays mapped
    end = Channel(socket.socket(fileno=channel))
    RefusingProcess(socket.socket(fileno=listener), end, counts).run()
