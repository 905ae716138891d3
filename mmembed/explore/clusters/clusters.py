"""Pictures → clusters at several levels, each with a name and a picture that stands for it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmembed.explore.clusters.hierarchy import joined
from mmembed.explore.clusters.kmeans import kmeans
from mmembed.explore.clusters.naming import Name, NamedClusters, Vocabulary
from mmembed.explore.picture_vectors import PictureVectors, even_sample
from mmembed.search.ordering import unit_rows

COARSEST, FINEST = 8, 200
"""Clusters of the first level, and most of the last: a byte names them."""
LOOKED_AT = 100
"""Pictures of a cluster at which its name is judged."""
SAMPLE = 2_048
"""Pictures that words are compared at."""
CHUNK = 5_000

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Cluster:
    """A group of pictures that look alike."""

    size: int
    representative: int
    """The id of the picture nearest to the middle."""
    name: Name | None
    """It is None without a bank of texts."""
    parent: int | None
    """Its place in the level above; None in the first."""


@dataclass(frozen=True)
class ClusterLevels:
    """Clusters of some pictures, coarse ones first; those of a level by falling size."""

    levels: tuple[tuple[Cluster, ...], ...]
    labels: Labels
    """The cluster of the last level that each picture is in, (n,)."""
    centres: NDArray[np.float32]
    """Of the clusters of the last level, (clusters, axes)."""


def usual_counts(pictures: int) -> tuple[int, ...]:
    """How many clusters of each level so many pictures have, rising."""
    finest = max(1, min(FINEST, round(math.sqrt(pictures))))
    coarsest = min(COARSEST, finest)
    return tuple(dict.fromkeys((coarsest, round(math.sqrt(coarsest * finest)), finest)))


def clustered(
    pictures: PictureVectors,
    rows: NDArray[np.float32],
    counts: Sequence[int],
    vocabulary: Vocabulary | None,
) -> ClusterLevels:
    """Clusters of pictures, at least one.

    rows: the pictures on their principal axes, float32 (n, axes). counts: clusters of each level,
    rising; fewer if there are fewer different pictures. Raises Abandoned.
    """
    labels, centres = kmeans(rows, counts[-1])
    sizes = np.bincount(labels)
    wanted = sorted({min(count, len(centres)) for count in counts}, reverse=True)
    larger = [_by_size(of, sizes) for of in joined(centres, sizes, wanted)]
    finest = larger[0]
    labels = finest[labels]
    levels = []
    for place, of_small in reversed(list(enumerate(larger))):
        of_fine = _at(finest, of_small)
        above = _at(finest, larger[place + 1]) if place + 1 < len(larger) else None
        levels.append(_level(pictures, rows, labels, of_fine, above, vocabulary))
    order = np.argsort(finest)
    return ClusterLevels(tuple(levels), labels, centres[order])


def _by_size(of_small: Labels, sizes: NDArray[np.int64]) -> Labels:
    """The same clusters, numbered by falling size."""
    totals = np.bincount(of_small, weights=sizes)
    rank = np.empty(len(totals), np.int64)
    rank[np.argsort(-totals, kind="stable")] = np.arange(len(totals))
    return rank[of_small]


def _at(finest: Labels, of_small: Labels) -> Labels:
    """The larger cluster of each cluster of the last level, which `finest` numbers."""
    found = np.empty(len(finest), np.int64)
    found[finest] = of_small
    return found


def _level(
    pictures: PictureVectors,
    rows: NDArray[np.float32],
    labels: Labels,
    of_fine: Labels,
    above: Labels | None,
    vocabulary: Vocabulary | None,
) -> tuple[Cluster, ...]:
    """of_fine: the cluster of this level of each one of the last; above: of the level above."""
    own = of_fine[labels]
    order = np.argsort(own, kind="stable")
    sizes = np.bincount(own)
    groups = np.split(order, np.cumsum(sizes)[:-1])
    names: list[Name | None] = [None] * len(groups)
    if vocabulary is not None:
        names = _named(pictures, groups, vocabulary)
    return tuple(
        Cluster(
            len(group),
            int(pictures.ids[_middle(rows, group)]),
            name,
            None if above is None else int(above[np.flatnonzero(of_fine == place)[0]]),
        )
        for place, (group, name) in enumerate(zip(groups, names, strict=True))
    )


def _middle(rows: NDArray[np.float32], group: Labels) -> int:
    """The place of the picture of a group that is nearest to its mean."""
    some = rows[group]
    away = some - some.mean(axis=0)
    return int(group[np.einsum("nd,nd->n", away, away).argmin()])


def _named(
    pictures: PictureVectors, groups: Sequence[Labels], vocabulary: Vocabulary
) -> list[Name | None]:
    means = np.stack([_mean(pictures, group) for group in groups])
    members = [unit_rows(pictures.rows[even_sample(group, LOOKED_AT)]) for group in groups]
    sample = unit_rows(pictures.rows[even_sample(np.arange(len(pictures)), SAMPLE)])
    return list(NamedClusters(vocabulary, sample, means, members).names())


def _mean(pictures: PictureVectors, group: Labels) -> NDArray[np.float32]:
    """The mean of the unit-norm vectors of a group, float32 (dim,)."""
    total = np.zeros(pictures.rows.shape[1])
    for start in range(0, len(group), CHUNK):
        total += unit_rows(pictures.rows[group[start : start + CHUNK]]).sum(axis=0)
    return np.asarray(total / len(group), np.float32)
