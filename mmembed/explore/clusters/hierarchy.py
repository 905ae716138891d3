"""Joins small clusters to larger ones, so that every cluster lies within one of the level above."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]


def joined(
    centres: NDArray[np.float32], sizes: NDArray[np.int64], counts: Sequence[int]
) -> list[Labels]:
    """For each of these numbers of clusters, which fall: the larger cluster of each small one,
    (k,).

    centres: float32 (k, axes). sizes: points of each, (k,). By Ward's rule: of all pairs those
    are joined whose joining adds least to the squared distances of points from their centres.
    """
    centre, size = centres.astype(np.float64), sizes.astype(np.float64)
    member = np.arange(len(centre))
    alive = np.ones(len(centre), bool)
    levels = []
    for count in counts:
        while alive.sum() > count:
            first, second = _cheapest(centre, size, alive)
            both = size[first] + size[second]
            centre[first] = (centre[first] * size[first] + centre[second] * size[second]) / both
            size[first] = both
            alive[second] = False
            member[member == second] = first
        levels.append(np.unique(member, return_inverse=True)[1])
    return levels


def _cheapest(
    centre: NDArray[np.float64], size: NDArray[np.float64], alive: NDArray[np.bool_]
) -> tuple[int, int]:
    """The pair that is joined next; of equal pairs the first."""
    places = np.flatnonzero(alive)
    some, weight = centre[places], size[places]
    lengths = (some * some).sum(axis=1)
    squares = np.maximum(lengths[:, None] + lengths - 2 * some @ some.T, 0)
    cost = squares * (weight[:, None] * weight / (weight[:, None] + weight))
    np.fill_diagonal(cost, np.inf)
    first, second = sorted(divmod(int(cost.argmin()), len(places)))
    return int(places[first]), int(places[second])
