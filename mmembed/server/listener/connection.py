"""A connection with deadlines for its caller.

Uvicorn waits for ever for the head of a request, for a body, and for a caller that does not read.
Here each has a deadline. The listener checks all deadlines once a second, because a timer for every
request would cost more.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from mmembed.server.limits.per_client import Clients
from mmembed.server.limits.refusal_rules import SLOWEST_BODY, needs_model
from mmembed.server.listener.instant_refusals import TOO_MANY, TOO_SLOW, WASTEFUL, Refusals
from mmembed.server.listener.overload import Overload

SLOWEST_READER = 2_000
"""Bytes a second that a caller must take of an answer."""
SLICE = 4096
"""Bytes that are parsed at a time, since they may hold many small chunks."""
MOST_OVERHEAD = 16_384
"""Framing bytes of a chunked body that are allowed beyond its content."""
IDLE, UNSENT, INCOMPLETE, BUSY = range(4)
"""States of a connection: idle, an answer that is not read, an incomplete request, or a request in
progress."""


@dataclass(frozen=True)
class Terms:
    """The state that all connections of one server share."""

    slow_s: float
    """Seconds for a first byte and for a whole head, and between checks of a body or an answer."""
    refusals: Refusals
    clients: Clients
    overload: Overload


class Connection(H11Protocol):
    """Uvicorn's connection, with deadlines and cheap refusals."""

    def __init__(self, terms: Terms, **uvicorns: Any) -> None:
        super().__init__(**uvicorns)
        self.since = time.monotonic()
        """When the present state began."""
        self.group: Hashable = None
        """The key of its client; None if it has no limit."""
        self.terms = terms
        self.number = 0
        """By which the refusing process knows it too; 0 if it does not."""
        self.is_lent = False
        """Whether that process reads it, and not this one."""
        self.handed: tuple[bytes, int] | None = None
        """Of a new connection that process accepted: as `take_back` takes them."""
        self._is_one_too_many = False
        self._began = False  # whether a byte of the next request arrived
        self._came = 0  # bytes of it
        self._marked = 0, self.since
        self._to_skip = 0
        self._chunked = False
        self._overhead = 0
        self._unsent: tuple[int, float] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """As asyncio calls it."""
        super().connection_made(transport)
        self.group = self.terms.clients.group(self.client[0] if self.client else None)
        self._is_one_too_many = self.handed is None and self.terms.clients.full(self.group)
        self.terms.clients.take(self.group)
        self.terms.overload.made()
        if self.handed is not None:
            self.take_back(*self.handed)

    def connection_lost(self, exc: Exception | None) -> None:
        """As asyncio calls it."""
        self.terms.clients.give_back(self.group)
        super().connection_lost(exc)
        self.terms.overload.ended(self)

    # -- what comes in ---------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """As asyncio calls it."""
        if self._is_one_too_many:
            self._end(TOO_MANY)
            return
        self._take_in(data, self.terms.overload.lends)

    def _take_in(self, data: bytes, may_lend: bool) -> None:
        if self._to_skip:
            data = self._skipped(data)
        if not data:
            return
        if not self._began:
            self._begin()
            if self.conn.their_state is h11.IDLE and self._refused(data, may_lend):
                return
        self._came += len(data)
        self._parse(data)
        if self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0]:
            self._began = False  # the rest of a request that was answered before

    def _begin(self) -> None:
        self._began, self._came, self.since = True, 0, time.monotonic()
        self._marked = 0, self.since

    def _refused(self, data: bytes, may_lend: bool) -> bool:
        if self.transport.get_write_buffer_size():
            return False  # a caller that does not read gets no more until it does
        request = self.terms.refusals.refusable(data)
        if request is None:
            return False
        if may_lend and self._lent(data):
            return True
        self.terms.overload.refused()
        self._to_skip = request.left
        self._unset_keepalive_if_required()
        self.transport.write(self.terms.refusals.answer(request))
        self._began = self._to_skip > 0
        return True

    def _skipped(self, data: bytes) -> bytes:
        """The bytes that remain after the body of a refused request."""
        left = data[self._to_skip :]
        self._came += len(data) - len(left)
        self._to_skip -= len(data) - len(left)
        if not self._to_skip:
            self.since, self._began = time.monotonic(), False
        return left

    def _parse(self, data: bytes) -> None:
        while len(data) > SLICE and not self._has_plain_body:
            self._feed(data[:SLICE])
            data = data[SLICE:]
        self._feed(data)

    @property
    def _has_plain_body(self) -> bool:
        return self.conn.their_state is h11.SEND_BODY and not self._chunked

    def _feed(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        cycle, before = self.cycle, len(self.cycle.body) if self.cycle else 0
        super().data_received(data)
        if self.cycle is not cycle:
            before, self._overhead = 0, 0
            self._chunked = any(name == b"transfer-encoding" for name, _ in self.headers)
        if self._chunked:
            inside = len(self.cycle.body) - before
            self._overhead += len(data) - 2 * inside
            if self._overhead > MOST_OVERHEAD:
                self._end(WASTEFUL)

    def on_response_complete(self) -> None:
        """As Uvicorn calls it when an answer is out."""
        self._begin()
        super().on_response_complete()
        self._began = self.conn.their_state is not h11.IDLE or bool(self.conn.trailing_data[0])
        if self.terms.overload.lends and self._awaits_refusal:
            self._lent(b"")

    # -- from process to process -----------------------------------------------------

    @property
    def _awaits_refusal(self) -> bool:
        """Whether its next request will probably be refused."""
        asked_model = needs_model(self.scope["method"], self.scope["path"])
        return asked_model and self.terms.refusals.lane.crowded and self.about() == IDLE

    @property
    def file(self) -> int:
        """The descriptor of its socket."""
        number: int = self.transport.get_extra_info("socket").fileno()
        return number

    def _lent(self, data: bytes) -> bool:
        """Let the refusing process read on, if it can."""
        if self.transport.is_closing() or not self.terms.overload.lend(self, data):
            return False
        self._unset_keepalive_if_required()
        self.transport.pause_reading()
        self.is_lent, self._began = True, False
        return True

    def take_back(self, data: bytes, skip: int) -> None:
        """Go on with what the refusing process read. skip: bytes of a refused body that are still
        to come."""
        self.is_lent = False
        if self.transport.is_closing():
            return
        self._begin()
        self._to_skip, self._began = skip, skip > 0
        self.transport.resume_reading()
        if data:
            self._take_in(data, may_lend=False)

    def resume_writing(self) -> None:
        """As asyncio calls it when most of an answer is out."""
        self._unsent = None
        super().resume_writing()

    # -- how long it takes -----------------------------------------------------------

    def about(self) -> int:
        """IDLE, UNSENT, INCOMPLETE or BUSY. A lent connection is busy elsewhere."""
        if self.is_lent:
            return BUSY
        if self.transport.get_write_buffer_size():
            return UNSENT
        if self._to_skip or self.conn.their_state is h11.SEND_BODY:
            return INCOMPLETE
        if self.conn.their_state is h11.IDLE:
            return INCOMPLETE if self._began else IDLE
        return BUSY

    def look(self, now: float) -> None:
        """Cut the caller off if they take too long. now: of time.monotonic()."""
        about = self.about()
        if about == UNSENT:
            if self._stalls(now):
                self.transport.abort()
            return
        self._unsent = None
        if about == IDLE and now - self.since > self.terms.slow_s:
            self.transport.close()
        elif about == INCOMPLETE and self.flow.read_paused:
            self._marked = self._came, now  # the server is slow, not the caller
        elif about == INCOMPLETE and self._creeps(now):
            self.cut_off(TOO_SLOW)

    def cut_off(self, answer: bytes) -> None:
        """Close the connection in any state; answers an incomplete request first."""
        if self.about() == INCOMPLETE and not self._to_skip:
            self._end(answer)
        else:
            self.transport.abort()

    def _creeps(self, now: float) -> bool:
        """Whether too little of a request arrived since the last check; a head must be whole."""
        before, at = self._marked
        if now - at < self.terms.slow_s:
            return False
        self._marked = self._came, now
        in_head = self.conn.their_state is h11.IDLE and not self._to_skip
        return in_head or self._came - before < (now - at) * SLOWEST_BODY

    def _stalls(self, now: float) -> bool:
        """Whether too little of an answer was taken."""
        size = self.transport.get_write_buffer_size()
        before, at = self._unsent or (size, now)
        if now - at < self.terms.slow_s:
            self._unsent = before, at
            return False
        self._unsent = size, now
        return before - size < (now - at) * SLOWEST_READER

    def _end(self, answer: bytes) -> None:
        """Send a last answer, unless another was begun."""
        in_head = self.conn.their_state is h11.IDLE
        if in_head or self.cycle is None or not self.cycle.response_started:
            self.transport.write(answer)
        self.transport.close()
