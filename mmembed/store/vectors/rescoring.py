"""Cosines → an order that depends on nothing but the vectors and their ids."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from mmembed.types import Ranked

POOL = 64
"""Candidates that HNSW returns for every k: the order must not depend on k. EXPANSION_SEARCH in
graph.py is the number of visited vectors."""
MARGIN = 32
"""Candidates fetched beyond twice the wanted ones, where HNSW's results go on exactly."""
HEAD = 50
"""Results from HNSW, with a recall of 98 % or better even for dense vectors. Further down it misses
more, so exact search finds the later results."""
FEW = 256
"""Vectors that are scored one by one: no copy of all is made to find the best of them."""
CHUNK = 512
"""Rows that are scored at a time: they and their products stay in the processor's cache."""

Ids = NDArray[np.int64]
Rows = NDArray[np.float32]
"""float32 (n, dim), unit-norm."""


def unit(vectors: NDArray[np.float16]) -> Rows:
    """float16 (n, dim) → float32 (n, dim), unit-norm again after the rounding to float16."""
    rows = vectors.astype(np.float32)
    norms: Rows = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / norms


def rank(
    ids: Ids, rows_of: Callable[[Ids], Rows], query: NDArray[np.float32], count: int, *, size: int
) -> Ranked:
    """The `count` best of these by falling score, ties by rising id; they were chosen from `size`
    vectors.

    The last bits of a matrix product depend on its shape. So each vector is scored by itself, and
    the same pair always gets the same score.
    """
    parts = [_score(rows_of(some), query) for some in chunks(ids, CHUNK)]
    scores = np.concatenate([np.empty(0), *parts])
    order = np.lexsort((ids, -scores))[:count]
    return Ranked(ids[order], scores[order], complete=count >= size)


def _score(rows: Rows, query: NDArray[np.float32]) -> NDArray[np.float64]:
    products = (rows.astype(np.float64) * query).sum(axis=1)
    rounded: NDArray[np.float64] = np.round(products, 6)
    return rounded


def chunks(ids: Ids, size: int) -> Iterator[Ids]:
    """The ids in portions of `size`."""
    for start in range(0, len(ids), size):
        yield ids[start : start + size]
