"""Two pieces of work at a time: while the last pictures of one are embedded and committed, the next
one is decoded. Otherwise a worker would stand still at the end of each piece."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextvars import copy_context
from typing import TypeAlias

Told: TypeAlias = Callable[[], None]
"""To be called once all pictures of a piece are decoded."""


class PieceLane:
    """One piece, on a thread of its own."""

    def __init__(self, work: Callable[[Told], bool]) -> None:
        """Begins. work: returns whether it was done."""
        self._decoded = threading.Event()
        self._done = self._is_over = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(
            target=copy_context().run, args=(self._run, work), name="mmembed-piece", daemon=True
        )
        self._thread.start()

    def _run(self, work: Callable[[Told], bool]) -> None:
        try:
            self._done = work(self._decoded.set)
        except BaseException as error:  # the thread that waits raises it
            self._error = error
        finally:
            self._is_over = True
            self._decoded.set()

    def await_decoded(self) -> bool:
        """Wait until all pictures are decoded, or the work is over; tells whether it is over."""
        self._decoded.wait()
        return self._is_over

    def join(self) -> None:
        """Wait for the end."""
        self._thread.join()

    def result(self) -> bool:
        """Whether the work was done. Raises its error."""
        if self._error is not None:
            raise self._error
        return self._done


class PieceLanes:
    """The piece that is decoded, and the one before, which may still be embedded."""

    def __init__(self) -> None:
        self._running: deque[PieceLane] = deque()

    def run(self, work: Callable[[Told], bool], *, alone: bool) -> bool:
        """Begin a piece, and return once the next one may be begun; False if it was not done.
        alone: no other piece meanwhile. Raises the errors of this piece and of the one before."""
        if alone:
            self.end()
        lane = PieceLane(work)
        self._running.append(lane)
        is_over = lane.await_decoded()
        while self._running[0] is not lane:
            self._end_first()
        return self._end_first() if is_over or alone else True

    def end(self) -> None:
        """Wait for the pieces that are under way. Raises the first error."""
        while self._running:
            self._end_first()

    def close(self) -> None:
        """Wait for them, whatever becomes of them."""
        for lane in self._running:
            lane.join()

    def _end_first(self) -> bool:
        self._running[0].join()
        return self._running.popleft().result()
