"""Changes of several shards that are kept together.

Each change waits before its commit until all others have come so far. If a change fails, all fail.
Of the commits, that of the first shard comes last, and only if all others succeeded. So a process
or database that is lost between two commits leaves later shards with a part of the change, and the
first one as it was: there is what tells that something is to be done again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextvars import ContextVar

WAIT_S = 120.0
"""Seconds that a change waits for those of the other shards."""


class ChangesTogether:
    """Several changes, each in a thread of its own."""

    def __init__(self, changes: int) -> None:
        self._ready = threading.Barrier(changes)
        self._kept = threading.Barrier(changes)
        self._locked = [threading.Event() for _ in range(changes)]

    def await_turn(self, place: int) -> None:
        """Wait until the change before has the lock of its shard. All processes take the locks in
        one order: so no two wait for each other."""
        if place and not self._locked[place - 1].wait(WAIT_S):
            self._ready.abort()
        if self._ready.broken:
            raise threading.BrokenBarrierError

    def locked(self, place: int) -> None:
        """The change has its lock."""
        self._locked[place].set()

    def await_commit(self, place: int) -> None:
        """Wait until every change is ready to be kept; the first, until the others are kept. Raises
        BrokenBarrierError if one failed."""
        self._ready.wait(WAIT_S)
        if not place:
            self._kept.wait(WAIT_S)

    def kept(self, place: int) -> None:
        """The change is kept: the first one may be. Raises BrokenBarrierError if one failed."""
        if place:
            self._kept.wait(WAIT_S)

    def fail(self) -> None:
        """Let no change be kept that is not yet."""
        self._ready.abort()
        self._kept.abort()
        for event in self._locked:
            event.set()


class ChangePart:
    """One of the changes that belong together."""

    def __init__(
        self,
        together: ChangesTogether,
        place: int,
        numbers: Callable[[str, Sequence[str]], list[int]],
        touched: Sequence[int],
        is_elsewhere: Callable[[Sequence[int]], bool],
    ) -> None:
        """place: in the order of the shards, from 0. numbers: gives ids to new rows. touched: the
        images and captions that are changed. is_elsewhere: whether a later shard has one of
        these."""
        self.together = together
        self.place = place
        self.numbers = numbers
        self.touched = touched
        self.is_elsewhere = is_elsewhere


current_part: ContextVar[ChangePart | None] = ContextVar("part of a change", default=None)
"""The change that this thread makes."""
