"""Decoding threads serve many requests in turns: a small request does not wait for large ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from mmembed.memory_budget import MemoryBudget

EMBEDDED_AT_ONCE, READY_AT_ONCE = 64, 192
"""Images of one request, and of all, that are decoded before the model gets them."""
FEW = 8
"""A request of at most this many images does not wait until parts of larger ones leave the
memory."""

In = TypeVar("In")
Out = TypeVar("Out")


class DecodeTurns:
    """The threads, and how many decoded images may wait for one model."""

    def __init__(self, threads: ThreadPoolExecutor, turn: int) -> None:
        """turn: images of one request that wait for a thread at a time."""
        self._threads = threads
        self._turn = turn
        self.ready, self.ready_few = (
            MemoryBudget(most, slots=0, purpose="", setting="", patience_s=None)
            for most in (READY_AT_ONCE, EMBEDDED_AT_ONCE)
        )

    def parts(
        self, read: Callable[[In], Out], images: Sequence[In]
    ) -> Generator[list[Out], None, None]:
        """The results of `read` for the images of one request, part after part. The places of a
        part are free when the next part is requested, or the iterator is closed. Raises Abandoned
        and the errors of `read`."""
        ready = self.ready_few if len(images) <= FEW else self.ready
        for start in range(0, len(images), EMBEDDED_AT_ONCE):
            part = images[start : start + EMBEDDED_AT_ONCE]
            places = ready.reserve(len(part), slot=False)
            try:
                # Not all at once: the threads work in the order of submission.
                yield list(ordered(self._threads, read, part, window=self._turn))
            finally:
                places.end()


def ordered(
    pool: ThreadPoolExecutor, work: Callable[[In], Out], inputs: Iterable[In], *, window: int
) -> Iterator[Out]:
    """Results in the order of the inputs, with at most `window` of them in flight."""
    waiting: deque[Future[Out]] = deque()
    source = iter(inputs)
    try:
        waiting.extend(pool.submit(work, item) for item in islice(source, window))
        while waiting:
            yield waiting.popleft().result()
            waiting.extend(pool.submit(work, item) for item in islice(source, 1))
    finally:
        for future in waiting:
            future.cancel()
