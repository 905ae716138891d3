"""Cosines → an order that depends on nothing but the vectors and their ids."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from mmembed.types import Ranked

CHUNK = 65_536
"""Rows in float32 at a time, where they are not kept in memory anyway."""
TOLERANCE = 2e-6
"""More than two computations of the same cosine in float32, rounded, may differ by."""

Ids = NDArray[np.int64]
Rows = NDArray[np.float32]
"""float32 (n, dim), unit-norm."""


def unit(vectors: NDArray[np.float16]) -> Rows:
    """float16 (n, dim) → float32 (n, dim), unit-norm again after the rounding to float16."""
    rows = vectors.astype(np.float32)
    norms: Rows = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / norms


def nothing() -> Ranked:
    """The answer where there are no vectors."""
    return Ranked(np.empty(0, dtype=np.int64), np.empty(0), complete=True)


def cosines(
    ids: Ids, rows_of: Callable[[Ids], Rows], query: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The query's cosines with these vectors, without all their rows in memory at once."""
    parts = [rows_of(some) @ query for some in _chunks(ids)]
    return np.concatenate([np.empty(0, dtype=np.float32), *parts])


def rank(
    ids: Ids,
    coarse: NDArray[np.float32],
    rows_of: Callable[[Ids], Rows],
    query: NDArray[np.float32],
    count: int,
) -> Ranked:
    """The `count` best by falling score, ties by rising id; `coarse` are their cosines.

    A matrix product's last bits depend on its shape, so whatever may be among the best is
    scored again row by row: the same pair always gets the same score, whatever the count.
    """
    keep = min(len(ids), count)
    if not keep:
        return nothing()
    cut = np.partition(coarse, len(ids) - keep)[len(ids) - keep] - TOLERANCE
    near = ids[coarse >= cut]
    parts = [_score(rows_of(some), query) for some in _chunks(near)]
    scores = np.concatenate([np.empty(0), *parts])
    order = np.lexsort((near, -scores))[:count]
    return Ranked(near[order], scores[order], complete=count >= len(ids))


def _score(rows: Rows, query: NDArray[np.float32]) -> NDArray[np.float64]:
    products = (rows.astype(np.float64) * query).sum(axis=1)
    rounded: NDArray[np.float64] = np.round(products, 6)
    return rounded


def _chunks(ids: Ids) -> Iterator[Ids]:
    for start in range(0, len(ids), CHUNK):
        yield ids[start : start + CHUNK]
