"""Room for the bodies of requests, so many bytes of all together.

    begin → grow, part by part → whole → end, when the request is answered

Bodies come side by side, and each needs room until it is whole. No part is let in that would leave
all of them half-way, each waiting for what the others have: there is always one that can become
whole with what is free, and another with what that one gives back (Dijkstra's banker).
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from operator import attrgetter

WAIT_S = 5.0
"""How long a part waits for room; meanwhile nothing is read of its body."""
POLL_S = 0.02


@dataclass(eq=False)
class Share:
    """What one body takes."""

    most: int
    """Bytes that it may come to."""
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
        """What all may come to."""
        self._growing: set[Share] = set()

    def begin(self, most: int) -> Share:
        """A body of at most so many bytes, fewer than the limit, is about to come."""
        share = Share(most)
        self._promised += most
        self._growing.add(share)
        return share

    async def grow(self, share: Share, more: int) -> bool:
        """Wait for room for a part of a body; False where there was none in time."""
        until = time.monotonic() + WAIT_S
        while not self._may_grow(share, more):
            if time.monotonic() > until:
                return False
            await asyncio.sleep(POLL_S)
        self._used += more
        share.size += more
        return True

    def whole(self, share: Share) -> None:
        """No more of it comes."""
        self._promised -= share.left
        share.most = share.size
        self._growing.discard(share)

    def end(self, share: Share) -> None:
        """It is no longer needed."""
        self.whole(share)
        self._used -= share.size
        self._promised -= share.size
        share.most = share.size = 0

    def _may_grow(self, share: Share, more: int) -> bool:
        if self._promised <= self._limit or not more:
            return True
        return self._used + more <= self._limit and self._all_can_end(share, more)

    def _all_can_end(self, share: Share, more: int) -> bool:
        """Whether all would find room, one after the other, had the body that part. Bodies that
        are whole are answered, whatever comes."""
        share.size += more
        free = self._limit - sum(one.size for one in self._growing)
        try:
            for one in sorted(self._growing, key=attrgetter("left")):
                if one.left > free:
                    return False
                free += one.size
            return True
        finally:
            share.size -= more
