"""A budget of memory for the bodies of all requests.

    begin → grow, part by part → whole → end, when the request is answered

Bodies arrive at the same time, and each needs room until it is whole. A part is admitted only if
all bodies can still finish, one after the other (Dijkstra's banker). At least one can become whole
with the free room, and the next with the room that it returns.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from operator import attrgetter

WAIT_S = 5.0
"""Seconds that a part waits for room; meanwhile its body is not read."""
POLL_S = 0.02


@dataclass(eq=False)
class Share:
    """The memory of one body."""

    most: int
    """Its largest size in bytes."""
    size: int = 0

    @property
    def left(self) -> int:
        """Bytes that may still come."""
        return self.most - self.size


class Room:
    """Bytes of bodies; on the event loop alone."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._used = 0
        self._promised = 0
        """The budget for all bodies."""
        self._growing: set[Share] = set()

    def begin(self, most: int) -> Share:
        """A body of at most so many bytes, fewer than the limit, is about to come."""
        share = Share(most)
        self._promised += most
        self._growing.add(share)
        return share

    async def grow(self, share: Share, more: int) -> bool:
        """Wait for room for a part of a body; False if there was none in time."""
        until = time.monotonic() + WAIT_S
        while not self._may_grow(share, more):
            if time.monotonic() > until:
                return False
            await asyncio.sleep(POLL_S)
        self._used += more
        share.size += more
        return True

    def whole(self, share: Share) -> None:
        """The body is whole."""
        self._promised -= share.left
        share.most = share.size
        self._growing.discard(share)

    def end(self, share: Share) -> None:
        """The body is no longer needed."""
        self.whole(share)
        self._used -= share.size
        self._promised -= share.size
        share.most = share.size = 0

    def _may_grow(self, share: Share, more: int) -> bool:
        if self._promised <= self._limit or not more:
            return True
        return self._used + more <= self._limit and self._all_can_end(share, more)

    def _all_can_end(self, share: Share, more: int) -> bool:
        """Whether all bodies could still finish, one after the other, after that part. Whole bodies
        are answered in any case."""
        share.size += more
        free = self._limit - sum(body.size for body in self._growing)
        try:
            for growing in sorted(self._growing, key=attrgetter("left")):
                if growing.left > free:
                    return False
                free += growing.size
            return True
        finally:
            share.size -= more
