"""A small map, made of vectors without a store."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmembed.explore.clusters.clusters import clustered
from mmembed.explore.map.picture_map import MapFacts, PictureMap
from mmembed.explore.map.placing import Placing
from mmembed.explore.map.plane import Plane
from mmembed.explore.principal_axes import principal_axes
from tests.explore.vectors import pictures_of


def map_of(rows: NDArray[np.float16], *counts: int, by_neighbours: bool = False) -> PictureMap:
    """A map by PCA; by_neighbours: further pictures are placed as on one by t-SNE."""
    pictures = pictures_of(rows)
    axes = principal_axes(rows)
    projected = axes.project(rows)
    plane = Plane.around(projected[:, :2])
    found = clustered(pictures, projected, counts or (2, 3), None)
    points = plane.whole(projected[:, :2])
    kept = projected if by_neighbours else projected[:0]
    facts = MapFacts("v", "2026-01-02T03:04:05+00:00", "PCA", "m", "f", len(rows), 7, 0, 0.5)
    placing = Placing(axes, plane, kept.astype(np.float16), points)
    labels = found.labels.astype(np.uint8)
    return PictureMap(facts, pictures.ids, points, labels, found.levels, found.centres, placing)
