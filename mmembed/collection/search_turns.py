"""A limit on the searches that compute at the same time, so that they do not slow each other down.

Threads of Python share one interpreter lock, which a search takes and releases hundreds of times.
32 searches at once need more than twice the processor time of as many in turn.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from mmembed.cancellation import current_caller

PATIENCE_S = 1.0
"""The longest wait for a turn: nothing is held up for long by callers that take minutes."""


class SearchTurns:
    """Lets few searches compute at a time, the first to ask first. Any thread may call it."""

    def __init__(self, at_once: int, patience_s: float = PATIENCE_S) -> None:
        """at_once: threads that compute at a time. patience_s: a thread that has waited so long
        computes beside them."""
        self._free = threading.Semaphore(at_once)
        self._patience_s = patience_s

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn, and have it for the block. Raises Abandoned if the caller left
        meanwhile."""
        has_turn = self._free.acquire(timeout=self._patience_s)
        try:
            current_caller().check()
            yield
        finally:
            if has_turn:
                self._free.release()
