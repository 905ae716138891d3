"""Passes inputs through threads and the model, in order; one bad input fails alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np

from mmembed.cancellation import current_caller
from mmembed.errors import ModelError, Overloaded
from mmembed.item_failures import ends_all, failure_of
from mmembed.types import Embedding, Embeddings, Failure

PATIENCE = 120
"""Retries of an indexing if the model is busy with other requests."""

In = TypeVar("In")
Out = TypeVar("Out")


def grouped(results: Iterable[In], size: int, seconds: float) -> Iterator[list[In]]:
    """Groups of up to `size` results, smaller ones if they come slowly."""
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
) -> list[Embedding | Exception]:
    """A row or an error for each input. Raises errors that are not an input's own."""
    if not inputs:
        return []
    try:
        rows = patiently(lambda: embed(inputs))
    except BaseException as error:  # a model may raise anything on one strange input
        if ends_all(error):
            raise
        if len(inputs) == 1:
            return [error if isinstance(error, Exception) else _panic(error)]
        return [result for item in inputs for result in embed_each([item], embed)]
    return [row if _sound(row) else ModelError("the model gave no finite vector") for row in rows]


def _panic(error: BaseException) -> Exception:
    """A library's panic as an Exception, which has it as its cause."""
    panic = RuntimeError(type(error).__name__)
    panic.__cause__ = error
    return panic


def each_where_needed(
    work: Callable[[Sequence[In]], object], batch: Sequence[In], name_of: Callable[[In], str]
) -> tuple[list[In], list[Failure]]:
    """Do work with a batch, or with each item alone if the batch fails. Returns the successful
    items, and the errors of the others. Raises errors that are not an item's own."""
    if not batch:
        return [], []
    try:
        work(batch)
        return list(batch), []
    except BaseException as error:
        if ends_all(error):
            raise
        if len(batch) == 1:
            return [], [failure_of(name_of(batch[0]), error)]
    parts = [each_where_needed(work, [item], name_of) for item in batch]
    return [item for done, _ in parts for item in done], [item for _, bad in parts for item in bad]


def patiently(work: Callable[[], Out]) -> Out:
    """The result of some work, which is retried while the model is busy. Raises Overloaded."""
    for _ in range(PATIENCE):
        try:
            return work()
        except Overloaded as error:
            if not current_caller().patient:  # a caller waits for the answer, and may retry
                raise
            time.sleep(error.retry_after)
    return work()


def _sound(row: Embedding) -> bool:
    return bool(np.isfinite(row).all() and row.any())
