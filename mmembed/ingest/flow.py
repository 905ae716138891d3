"""How inputs flow through threads and the model, in order, with one bad input failing alone."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mmembed.cancellation import current_caller
from mmembed.errors import ModelError, Overloaded, StoreError
from mmembed.types import Embeddings

PATIENCE = 120
"""How often an indexing asks again where the model is busy with others' requests."""

In = TypeVar("In")
Out = TypeVar("Out")
Row = NDArray[np.float32]
"""float32 (dim,), unit-norm."""


def ordered(
    pool: ThreadPoolExecutor, work: Callable[[In], Out], inputs: Iterable[In], *, window: int
) -> Iterator[Out]:
    """Results in the order of the inputs, with at most `window` of them in flight."""
    waiting: deque[Future[Out]] = deque()
    source = iter(inputs)
    try:
        waiting.extend(pool.submit(work, one) for one in islice(source, window))
        while waiting:
            yield waiting.popleft().result()
            waiting.extend(pool.submit(work, one) for one in islice(source, 1))
    finally:
        for future in waiting:
            future.cancel()


def grouped(results: Iterable[In], size: int, seconds: float) -> Iterator[list[In]]:
    """Groups of up to `size` results, smaller ones where they come slowly."""
    group: list[In] = []
    started = time.monotonic()
    for result in results:
        group.append(result)
        if len(group) >= size or time.monotonic() - started > seconds:
            yield group
            group, started = [], time.monotonic()
    if group:
        yield group


def embed_each(
    inputs: Sequence[In], embed: Callable[[Sequence[In]], Embeddings]
) -> list[Row | Exception]:
    """A row per input, or why there is none. Raises StoreError, Overloaded."""
    if not inputs:
        return []
    try:
        rows = _patiently(embed, inputs)
    except (StoreError, Overloaded):
        raise
    except Exception as error:  # a model may raise anything on one strange input
        if len(inputs) == 1:
            return [error]
        return [result for one in inputs for result in embed_each([one], embed)]
    return [row if _sound(row) else ModelError("the model gave no finite vector") for row in rows]


def _patiently(embed: Callable[[Sequence[In]], Embeddings], inputs: Sequence[In]) -> Embeddings:
    for _ in range(PATIENCE):
        try:
            return embed(inputs)
        except Overloaded as error:
            if not current_caller().patient:  # somebody waits for the answer, and may ask again
                raise
            time.sleep(error.retry_after)
    return embed(inputs)


def _sound(row: Row) -> bool:
    return bool(np.isfinite(row).all() and row.any())
