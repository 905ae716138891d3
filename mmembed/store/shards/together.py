"""Changes of several shards that are kept together.

Each change waits before its commit until all others have come so far. If a change fails, all fail.
The commits themselves follow on each other without this guard. A database that is lost within these
milliseconds may lack a part that the others have.
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
        self._done = threading.Barrier(changes)
        self._locked = [threading.Event() for _ in range(changes)]

    def await_turn(self, place: int) -> None:
        """Wait until the change before has the lock of its shard. All processes take the locks in
        one order: so no two wait for each other."""
        if place and not self._locked[place - 1].wait(WAIT_S):
            self._done.abort()
        if self._done.broken:
            raise threading.BrokenBarrierError

    def locked(self, place: int) -> None:
        """The change has its lock."""
        self._locked[place].set()

    def await_all(self) -> None:
        """Wait until every change is ready to be kept. Raises BrokenBarrierError if one failed."""
        self._done.wait(WAIT_S)

    def fail(self) -> None:
        """Let no change be kept."""
        self._done.abort()
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
