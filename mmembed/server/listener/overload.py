"""Overload: when a process of its own begins to refuse requests, and when it stops.

Without overload there is no such process, or it sleeps, and nothing here runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections import deque
from typing import TYPE_CHECKING

from mmembed.server.limits.per_client import Clients
from mmembed.server.listener.instant_refusals import TOO_MANY, Refusals
from mmembed.server.listener.refusing_child import CAN_REFUSE, RefusingChild
from mmembed.server.listener.refusing_terms import RefusingTerms
from mmembed.server.listener.shared_connections import Entrance, SharedConnections
from mmembed.server.listener.shared_counts import Count

if TYPE_CHECKING:
    from mmembed.server.listener.connection import Connection

log = logging.getLogger(__name__)

BUSY_PER_S = 100
"""Refusals within a second from which on another process refuses."""
QUIET_S = 2.0
FEW = 40
"""With fewer refusals within so many seconds, the server accepts connections again."""
TICK_S = 0.2
"""Seconds between looks at the process; the answer to refused requests is renewed as often."""
STUCK_S = 5.0
"""Seconds without a turn of its loop, after which the process is killed."""
AGAIN_S = 5.0
"""Seconds after the end of a process, before which no other is started."""


class Overload:
    """The state of one server; used on its event loop alone."""

    def __init__(self, refusals: Refusals, clients: Clients, slow_s: float, most: int) -> None:
        """slow_s: seconds for the next request. most: connections at a time."""
        self.lends = False
        """Whether another process refuses."""
        self._refusals = refusals
        self._clients = clients
        self._slow_s = slow_s
        self._most = most
        self._door: Entrance | None = None
        self._listener: socket.socket | None = None
        self._child: RefusingChild | None = None
        self._shared: SharedConnections | None = None
        self._beginning: asyncio.Task[None] | None = None
        self._ticking: asyncio.Task[None] | None = None
        self._ending: set[asyncio.Future[int]] = set()
        self._second_began, self._in_second = 0.0, 0
        self._may_begin_at = 0.0
        self._own = 0
        self._reported = 0, 0
        self._recent: deque[int] = deque(maxlen=round(QUIET_S / TICK_S))
        self._turns = 0, 0.0

    def attach(self, door: Entrance, listener: socket.socket) -> None:
        """From here on, another process may accept the door's connections."""
        if CAN_REFUSE:
            self._door, self._listener = door, listener

    # -- as connections call it ------------------------------------------------------

    def refused(self) -> None:
        """The server itself refused a request. Many within a second are overload."""
        self._own += 1
        now = time.monotonic()
        if now - self._second_began > 1:
            self._second_began, self._in_second = now, 0
        self._in_second += 1
        may_begin = self._door and not self.lends and self._beginning is None
        if self._in_second >= BUSY_PER_S and may_begin and now >= self._may_begin_at:
            self._beginning = asyncio.create_task(self._begin())

    def lend(self, connection: Connection, data: bytes = b"") -> bool:
        """Let the other process have a connection, and what was read from it. False if it
        cannot."""
        return self.lends and self._shared is not None and self._shared.lend(connection, data)

    def made(self) -> None:
        """A connection was made."""
        if self.lends:
            self._publish_connections()

    def ended(self, connection: Connection) -> None:
        """A connection of the server ended."""
        if self._shared is not None and (self.lends or connection.number):
            self._shared.ended(connection)
            self._publish_connections()

    # -- beginning and ending --------------------------------------------------------

    async def _begin(self) -> None:
        try:
            if self._child is None:
                await self._start()
            if self._shared is not None and self._shared.can_begin:
                self._let_refuse(self._shared)
        except OSError as error:
            log.warning("no process to refuse requests can be started: %s", error)
            self._may_begin_at = time.monotonic() + AGAIN_S
        finally:
            self._beginning = None

    async def _start(self) -> None:
        assert self._listener is not None
        assert self._door is not None
        loop = asyncio.get_running_loop()
        with self._listener.dup() as listener:  # the thread may outlive the server's
            child = await loop.run_in_executor(None, RefusingChild.start, listener)
        if self._door is None:
            self._end(child)
            return
        self._child = child
        self._shared = SharedConnections(child, self._door)
        self._reported = 0, 0
        loop.add_reader(child.channel.fileno(), self._receive)

    def _let_refuse(self, shared: SharedConnections) -> None:
        assert self._door is not None
        shared.show(self._refusals.template())
        shared.begin(self._terms())
        self._recent.clear()
        self._own = 0
        self._turns = 0, time.monotonic()
        self.lends = True
        self._refusals.lane.changed = self._publish_room
        self._publish_room()
        self._publish_connections()
        self._door.pause()
        if self._ticking is None or self._ticking.done():
            self._ticking = asyncio.create_task(self._tick())

    def _terms(self) -> RefusingTerms:
        return {
            "slow_s": self._slow_s,
            "most": self._most,
            "per_client": self._clients.most,
            "proxies": [str(network) for network in self._clients.proxies],
            "too_many": TOO_MANY.decode("latin-1"),
            "held": {str(group): count for group, count in self._clients.held().items()},
        }

    def _stop_refusing(self) -> None:
        self.lends = False
        self._refusals.lane.changed = None
        if self._door is not None:
            self._door.resume()

    def _lost(self) -> None:
        """The process ended by itself, or was killed."""
        child, self._child = self._child, None
        shared, self._shared = self._shared, None
        if child is None or shared is None:
            return
        self._count_refusals(child)
        self._stop_refusing()
        self._may_begin_at = time.monotonic() + AGAIN_S
        asyncio.get_running_loop().remove_reader(child.channel.fileno())
        shared.abandon()
        self._end(child)
        log.warning("the process that refuses requests has ended; the server refuses them itself")

    def _end(self, child: RefusingChild) -> None:
        ending = asyncio.get_running_loop().run_in_executor(None, child.end)
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        """The server stops accepting connections; the process ends. Its connections without a
        request are closed."""
        self._door = None
        if self._beginning is not None:
            await asyncio.gather(self._beginning, return_exceptions=True)
        child, shared = self._child, self._shared
        if child is None or shared is None:
            return
        with contextlib.suppress(EOFError):
            shared.receive(self._most)  # requests that were read already
        self._child = self._shared = None
        self._count_refusals(child)
        self._stop_refusing()
        asyncio.get_running_loop().remove_reader(child.channel.fileno())
        shared.abandon()
        self._end(child)

    async def wait_closed(self) -> None:
        """Until no process is left."""
        await asyncio.gather(*self._ending)

    # -- while it refuses ------------------------------------------------------------

    def _receive(self) -> None:
        try:
            if self._shared is not None:
                self._shared.receive()
        except EOFError:
            self._lost()

    def _publish_room(self) -> None:
        if self._child is not None:
            self._child.counts[Count.FREE] = self._refusals.lane.free

    def _publish_connections(self) -> None:
        if self._child is not None and self._door is not None:
            self._child.counts[Count.CONNECTIONS] = self._door.open_connections

    async def _tick(self) -> None:
        while self._child is not None and self._shared is not None:
            if self.lends:
                self._look(self._child, self._shared)
            elif self._shared.can_begin:
                return  # all messages are out
            await asyncio.sleep(TICK_S)

    def _look(self, child: RefusingChild, shared: SharedConnections) -> None:
        refused = self._count_refusals(child) + self._own
        self._own = 0
        self._recent.append(refused)
        shared.show(self._refusals.template())
        self._publish_room()
        if self._is_stuck(child):
            child.process.kill()
        elif len(self._recent) == self._recent.maxlen and sum(self._recent) < FEW:
            shared.calm()
            self._stop_refusing()
            # Its last refusals are counted a little later.
            asyncio.get_running_loop().call_later(TICK_S, self._count_refusals, child)

    def _is_stuck(self, child: RefusingChild) -> bool:
        turns, since = self._turns
        now = time.monotonic()
        if child.counts[Count.TURNS] != turns:
            self._turns = child.counts[Count.TURNS], now
            return False
        return now - since > STUCK_S

    def _count_refusals(self, child: RefusingChild) -> int:
        """Add to the metrics what the process refused since the last call; the number."""
        counts = child.counts[Count.REFUSED_GETS], child.counts[Count.REFUSED_POSTS]
        gets, posts = (now - before for now, before in zip(counts, self._reported, strict=True))
        self._reported = counts
        if gets:
            self._refusals.metrics.refused("GET", 429, gets)
        if posts:
            self._refusals.metrics.refused("POST", 429, posts)
        return gets + posts
