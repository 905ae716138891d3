"""All pairs of pictures that are alike: exactly by a blocked matrix product, or within cells.

The product of n vectors with each other takes n² · dim multiplications: a minute at 100,000 of 512
numbers, two hours at a million. Above EXACT_LIMIT, vectors are compared within cells, see `cells`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mmembed.explore.duplicates.cells import members_of_cells
from mmembed.explore.duplicates.pairs import NEAREST, KeptPairs, Pairs
from mmembed.types import Progress

EXACT_LIMIT = 50_000
"""Pictures up to which each two are compared."""
TILE = 1024, 4096
"""Rows and columns of a product at a time: 16 MB."""

Rows = NDArray[np.float16]
Places = NDArray[np.int64]


def alike_pairs(
    rows: Rows, least: float, progress: Progress, *, exact_limit: int = EXACT_LIMIT
) -> Pairs:
    """The pairs whose product is at least so much: of each picture, its NEAREST among later ones.

    rows: float16 (n, dim), unit-norm, or 0 for pictures that are compared with none. progress: told
    the number of pictures whose pairs are known.
    """
    present = np.flatnonzero(rows.any(axis=1))
    if len(present) <= exact_limit:
        sets, comparisons = iter([present]), len(present) ** 2 // 2
    else:
        sets, comparisons = members_of_cells(rows, present)
    kept = KeptPairs()
    done = 0
    for members in sets:
        for pairs, compared in _within(rows, members, least):
            kept.add(pairs)
            done += compared
            share = min(1.0, done / max(comparisons, 1))
            progress(int(share * len(present)), len(present), 0)
    return kept.best()


def _within(rows: Rows, members: Places, least: float) -> Iterator[tuple[Pairs, int]]:
    """The pairs among members, tile after tile, and the number of comparisons. members: rising."""
    for start in range(0, len(members), TILE[0]):
        some = members[start : start + TILE[0]]
        left = rows[some].astype(np.float32)
        for begin in range(start, len(members), TILE[1]):
            others = members[begin : begin + TILE[1]]
            products = left @ rows[others].astype(np.float32).T
            if begin < start + len(some):  # pairs of a picture with itself and with earlier ones
                products[others[None, :] <= some[:, None]] = -np.inf
            yield _pairs_of(products, some, others, least), products.size


def _pairs_of(products: NDArray[np.float32], some: Places, others: Places, least: float) -> Pairs:
    near = products >= least
    if np.count_nonzero(near) > NEAREST * len(some):
        near = _thinned(products, near)
    left, right = np.nonzero(near)
    return Pairs(some[left], others[right], products[left, right])


def _thinned(products: NDArray[np.float32], near: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """At most NEAREST of each row."""
    if products.shape[1] <= NEAREST:
        return near
    best = np.argpartition(-products, NEAREST, axis=1)[:, :NEAREST]
    kept = np.zeros_like(near)
    np.put_along_axis(kept, best, True, axis=1)
    return near & kept
