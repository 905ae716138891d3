"""Lets one thread at a time do long work, and few others wait for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from mmembed.cancellation import current_caller
from mmembed.errors import Overloaded

MOST_WAITING = 5
"""Callers that wait for their turn: each holds a thread of the server."""
LOOK_S = 0.5
"""Seconds between two looks whether a waiting caller is still there."""


class OneAtATime:
    """Turns of one kind of work. Any thread may call it."""

    def __init__(self, work: str) -> None:
        """work: for people, such as `the pictures to be grouped`."""
        self._work = work
        self._turn = threading.Lock()
        self._places = threading.Semaphore(1 + MOST_WAITING)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until no other thread is at work, and keep the turn for the block. A caller in the
        background waits for a place, too. Raises Abandoned, Overloaded."""
        caller = current_caller()
        take = caller.take if caller.background else _at_once
        if not take(self._places):
            raise Overloaded(
                f"{MOST_WAITING} requests wait already for {self._work}; try again later",
                LOOK_S * MOST_WAITING,
            )
        try:
            while not self._turn.acquire(timeout=LOOK_S):
                caller.check()
            try:
                yield
            finally:
                self._turn.release()
        finally:
            self._places.release()


def _at_once(turn: threading.Semaphore) -> bool:
    return turn.acquire(blocking=False)
