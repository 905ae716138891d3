"""All pairs of pictures that are alike: exactly by a blocked matrix product, or within cells.

The product of n vectors with each other takes n² · dim multiplications: a minute at 100,000 of 512
numbers, two hours at a million. Above EXACT_LIMIT, vectors are compared within cells, see `cells`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mmembed.explore.duplicates.cells import members_of_cells
from mmembed.explore.duplicates.pairs import NEAREST, KeptPairs, Pairs, Values, chains
from mmembed.types import Progress

EXACT_LIMIT = 50_000
"""Pictures up to which each two are compared."""
TILE = 1024, 4096
"""Rows and columns of a product at a time: 16 MB."""

Rows = NDArray[np.float16]
Places = NDArray[np.int64]


def alike_pairs(
    rows: Rows, equal: Places, least: float, progress: Progress, *, exact_limit: int = EXACT_LIMIT
) -> KeptPairs:
    """The pairs whose product is at least so much: of each picture, its NEAREST among later ones.

    rows: float16 (n, dim), unit-norm, or 0 for pictures that are compared with none. equal: (n,),
    for each the place of the first that is equal to it, which alone is compared with others; all
    equal ones are a chain of pairs. progress: told the number of pictures whose pairs are known.
    """
    present = np.flatnonzero(rows.any(axis=1))
    kept = KeptPairs(len(rows))
    kept.add(chains(present, equal[present]))
    present = present[equal[present] == present]
    if len(present) <= exact_limit:
        sets, comparisons = iter([present]), len(present) ** 2 // 2
    else:
        sets, comparisons = members_of_cells(rows, present)
    done = 0
    for members in sets:
        for compared in _add_within(rows, members, least, kept):
            done += compared
            share = min(1.0, done / max(comparisons, 1))
            progress(int(share * len(present)), len(present), 0)
    return kept


def _add_within(rows: Rows, members: Places, least: float, kept: KeptPairs) -> Iterator[int]:
    """Keep the pairs among members, tile after tile; tells the comparisons of each. members:
    rising."""
    whole = rows[members].astype(np.float32)
    for start in range(0, len(members), TILE[0]):
        some = members[start : start + TILE[0]]
        for begin in range(start, len(members), TILE[1]):
            others = members[begin : begin + TILE[1]]
            products = whole[start : start + TILE[0]] @ whole[begin : begin + TILE[1]].T
            if begin < start + len(some):  # pairs of a picture with itself and with earlier ones
                products[others[None, :] <= some[:, None]] = -np.inf
            pairs = _pairs_of(products, some, others, np.maximum(kept.bounds(some), least))
            if len(pairs):
                kept.add(pairs)
            yield products.size


def _pairs_of(products: Values, some: Places, others: Places, bounds: Values) -> Pairs:
    """The pairs whose products reach the bounds, (n,), of their pictures."""
    near = products >= bounds[:, None]
    if np.count_nonzero(near) > NEAREST * len(some):
        near = _thinned(products, near)
    places = np.flatnonzero(near)
    left, right = np.divmod(places, len(others))
    return Pairs(some[left], others[right], products.ravel()[places])


def _thinned(products: Values, near: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """At most NEAREST of each row."""
    if products.shape[1] <= NEAREST:
        return near
    crowded = np.flatnonzero(np.count_nonzero(near, axis=1) > NEAREST)
    best = np.argpartition(-products[crowded], NEAREST, axis=1)[:, :NEAREST]
    near[crowded] = False
    near[crowded[:, None], best] = True
    return near
