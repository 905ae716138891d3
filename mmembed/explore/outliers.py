"""Pictures far from all others: by their mean distance to the nearest ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmembed.explore.neighbours import Neighbourhood
from mmembed.explore.picture_vectors import PictureVectors
from mmembed.explore.principal_axes import principal_axes
from mmembed.search.ordering import unit_rows

NEIGHBOURS = 5
DIGITS = 4
CHUNK = 2_000


@dataclass(frozen=True)
class Outlier:
    """A picture and how far it is from others."""

    item_id: int
    distance: float
    """The mean Euclidean distance to its nearest others, 0 to 2."""
    times_usual: float
    """Times the median of all pictures; 0 if that is 0."""
    nearest: int
    """The id of the nearest picture."""


def outliers(sample: PictureVectors, others: Iterable[PictureVectors], count: int) -> list[Outlier]:
    """The `count` pictures of the largest distance, by falling distance, ties by rising id; none of
    fewer than two pictures.

    sample: pictures among which neighbours are looked for. others: further pictures. Neighbours are
    found on principal axes; distances are of the whole vectors. Raises Abandoned.
    """
    if len(sample) < 2:
        return []
    axes = principal_axes(sample.rows)
    search = _Search(sample, Neighbourhood(axes.project(sample.rows)))
    found = [search.of(sample, axes.project(sample.rows), own=True)]
    found += [search.of(part, axes.project(part.rows), own=False) for part in others if len(part)]
    ids, distances, nearest = (np.concatenate(parts) for parts in zip(*found, strict=True))
    usual = float(np.median(distances))
    return [
        Outlier(
            int(ids[place]),
            float(distances[place]),
            round(float(distances[place]) / usual, 2) if usual > 0 else 0.0,
            int(nearest[place]),
        )
        for place in np.lexsort((ids, -distances))[:count].tolist()
    ]


@dataclass(frozen=True)
class _Search:
    sample: PictureVectors
    neighbourhood: Neighbourhood

    def of(
        self, pictures: PictureVectors, rows: NDArray[np.float32], *, own: bool
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
        """Ids, mean distances, and ids of the nearest pictures: (n,) each."""
        among = min(NEIGHBOURS, len(self.sample) - own)
        distances = np.empty(len(pictures))
        nearest = np.empty(len(pictures), np.int64)
        for part, places, _ in self.neighbourhood.nearest(rows, among, own=own):
            distances[part] = _mean_distances(pictures.rows[part], self.sample.rows, places)
            nearest[part] = self.sample.ids[places[:, 0]]
        return pictures.ids, np.round(distances, DIGITS), nearest


def _mean_distances(
    stored: NDArray[np.float16], others: NDArray[np.float16], places: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Of each picture to its neighbours, by the whole vectors: (n,)."""
    found = np.empty(len(places))
    for start in range(0, len(places), CHUNK):
        some = places[start : start + CHUNK]
        mine = unit_rows(stored[start : start + CHUNK])
        near = unit_rows(others[some.ravel()]).reshape(*some.shape, -1)
        cosines = np.einsum("nd,nkd->nk", mine, near)
        found[start : start + CHUNK] = np.sqrt(np.maximum(2 - 2 * cosines, 0)).mean(axis=1)
    return found
