"""Cosines → an order that depends on nothing but the vectors and their ids."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numkong
import numpy as np
from numpy.typing import NDArray

from mmembed.types import Ranked

HEAD = 50
"""Results that come from the first candidates of HNSW."""
POOL = 64
"""Those candidates, the same for every number of wanted results: the order must not depend on it.
How many vectors HNSW visits for them is chosen when a graph is built."""
NECK = 256
"""Results up to which HNSW is searched once more, for as many candidates as below. Further down,
exact search finds them."""
NECK_POOL = 512
MARGIN = 32
"""Candidates fetched beyond twice the wanted ones, where HNSW's results go on exactly."""
FEW = 256
"""Vectors that are scored one by one: no copy of all is made to find the best of them."""
CHUNK = 512
"""Rows that are scored at a time: they and their products stay in the processor's cache."""

Ids = NDArray[np.int64]
Rows = NDArray[np.float32]
"""float32 (n, dim), unit-norm."""


def unit(vectors: NDArray[np.float16]) -> Rows:
    """float16 (n, dim) → float32 (n, dim), unit-norm again after the rounding to float16."""
    rows: Rows = np.empty(vectors.shape, np.float32)
    if rows.size:
        numkong.astype(vectors, "float32", out=rows)  # ten times as fast as NumPy's
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def rank(
    ids: Ids, rows_of: Callable[[Ids], Rows], query: NDArray[np.float32], count: int, *, size: int
) -> Ranked:
    """The `count` best of these by falling score, ties by rising id; they were chosen from `size`
    vectors.

    The last bits of a matrix product depend on its shape. So each vector is scored by itself, and
    the same pair always gets the same score.
    """
    wide = query.astype(np.float64)
    parts = [_score(rows_of(some), wide) for some in chunks(ids, CHUNK)]
    scores = np.concatenate([np.empty(0), *parts])
    order = np.lexsort((ids, -scores))[:count]
    return Ranked(ids[order], scores[order], complete=count >= size)


def continued(head: Ranked, tail: Ranked, count: int, size: int) -> Ranked:
    """The results of one ranking and then those of another that come after all of them; `count` of
    `size` vectors."""
    if not len(head.ids):
        after = np.ones(len(tail.ids), dtype=bool)
    else:
        last, score = head.ids[-1], head.scores[-1]
        after = (tail.scores < score) | ((tail.scores == score) & (tail.ids > last))
    ids = np.concatenate([head.ids, tail.ids[after]])[:count]
    scores = np.concatenate([head.scores, tail.scores[after]])[:count]
    return Ranked(ids, scores, complete=count >= size)


def _score(rows: Rows, query: NDArray[np.float64]) -> NDArray[np.float64]:
    # Arrays of one dtype: einsum copies others in portions, which would part the sums of a row.
    products = np.einsum("ij,j->i", rows.astype(np.float64), query)
    rounded: NDArray[np.float64] = np.round(products, 6)
    return rounded


def chunks(ids: Ids, size: int) -> Iterator[Ids]:
    """The ids in portions of `size`."""
    for start in range(0, len(ids), size):
        yield ids[start : start + size]
