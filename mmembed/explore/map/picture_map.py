"""A map of pictures: where each lies, which cluster it is in, and how more are placed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mmembed.explore.clusters.clusters import Cluster
from mmembed.explore.clusters.kmeans import nearest_centre
from mmembed.explore.map.placing import Placing

Points = NDArray[np.uint16]


@dataclass(frozen=True)
class MapFacts:
    """How a map was made."""

    version: str
    """A random name of the map; hex."""
    made: str
    """When, ISO 8601 in UTC."""
    reducer: str
    """`PCA`, or `t-SNE` and its library."""
    model: str
    fingerprint: str
    """Of the model whose vectors it shows."""
    fitted: int
    """Pictures that the map was fitted to; the others were placed on it."""
    last_change: int
    """Number of the newest change of a vector when the pictures were read."""
    revision: int
    """How often pictures were placed on it and kept since."""
    seconds: float
    """That it took."""


@dataclass(frozen=True)
class PlacedPictures:
    """Pictures that were placed on a map; see PictureMap."""

    ids: NDArray[np.int64]
    points: Points
    labels: NDArray[np.uint8]


@dataclass(frozen=True)
class PictureMap:
    """Pictures on the plane; 0 to 65,535 from left to right, and from the bottom up."""

    facts: MapFacts
    ids: NDArray[np.int64]
    """(n,), rising."""
    points: Points
    """(n, 2): x and y."""
    labels: NDArray[np.uint8]
    """(n,): the cluster of the last level that each picture is in."""
    levels: tuple[tuple[Cluster, ...], ...]
    """Clusters by level, coarse ones first."""
    centres: NDArray[np.float32]
    """Of the clusters of the last level, (clusters, axes)."""
    placing: Placing

    def __len__(self) -> int:
        return len(self.ids)

    def placed(self, ids: NDArray[np.int64], stored: NDArray[np.float16]) -> PlacedPictures:
        """Where further pictures lie: stored vectors, (n, dim). Raises Abandoned."""
        rows = self.placing.axes.project(stored)
        labels = nearest_centre(rows, self.centres)[0].astype(np.uint8)
        return PlacedPictures(ids, self.placing.place(rows), labels)

    def with_pictures(self, parts: Sequence[PlacedPictures]) -> PictureMap:
        """The map with these pictures, of which each comes once. A picture that was there before
        has its new place; no other picture moves."""
        if not parts:
            return self
        new = np.concatenate([part.ids for part in parts])
        stay = ~np.isin(self.ids, new)
        ids = np.concatenate([self.ids[stay], new])
        order = np.argsort(ids)
        return replace(
            self,
            ids=ids[order],
            points=np.concatenate([self.points[stay], *(part.points for part in parts)])[order],
            labels=np.concatenate([self.labels[stay], *(part.labels for part in parts)])[order],
        )

    def without_pictures(self, gone: NDArray[np.int64]) -> PictureMap:
        """The map without these pictures."""
        stay = ~np.isin(self.ids, gone)
        if stay.all():
            return self
        return replace(self, ids=self.ids[stay], points=self.points[stay], labels=self.labels[stay])

    def sizes(self) -> list[NDArray[np.int64]]:
        """How many pictures each cluster of each level has now."""
        sizes = np.bincount(self.labels, minlength=len(self.levels[-1]))
        found = [sizes]
        for level in reversed(self.levels[1:]):
            parents = [one.parent or 0 for one in level]
            found.append(np.bincount(parents, weights=found[-1]).astype(np.int64))
        return found[::-1]

    def labels_by_level(self) -> list[NDArray[np.int64]]:
        """For each level, the cluster that each picture is in, (n,)."""
        found = [self.labels.astype(np.int64)]
        for level in reversed(self.levels[1:]):
            found.append(np.array([one.parent or 0 for one in level])[found[-1]])
        return found[::-1]

    def middles(self) -> list[Points]:
        """Where the name of each cluster of each level goes: at the picture nearest to the medians
        of its pictures; (clusters, 2) of each level. Clusters without pictures lie at 0."""
        labels = self.labels_by_level()
        return [
            _middles(self.points, of_level, len(level))
            for of_level, level in zip(labels, self.levels, strict=True)
        ]


def _middles(points: Points, labels: NDArray[np.int64], count: int) -> Points:
    middles = np.zeros((count, 2), np.uint16)
    order = np.argsort(labels, kind="stable")
    ends = np.cumsum(np.bincount(labels, minlength=count))[:-1]
    for place, group in enumerate(np.split(order, ends)):
        if len(group):
            some = points[group].astype(np.float64)
            away = some - np.median(some, axis=0)
            middles[place] = points[group[np.einsum("nd,nd->n", away, away).argmin()]]
    return middles


def density(points: Points, cells: int) -> NDArray[np.uint32]:
    """How many pictures lie in each cell of a square grid, (cells, cells): rows from the bottom up,
    each from left to right."""
    places = points.astype(np.int64) * cells >> 16
    counts = np.bincount(places[:, 1] * cells + places[:, 0], minlength=cells * cells)
    return counts.reshape(cells, cells).astype(np.uint32)
