"""k-means in NumPy, the same for the same points: a fixed seed, whole passes, ties by place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmembed.cancellation import current_caller

SEED = 0
PASSES = 30
"""After which the centres hardly move."""
SEEDED = 10_000
"""Points among which the first centres are chosen."""
CHUNK = 10_000

Rows = NDArray[np.float32]
Labels = NDArray[np.int64]


def kmeans(rows: Rows, count: int) -> tuple[Labels, Rows]:
    """Labels (n,) and centres float32 (k, axes) of points, float32 (n, axes). k is `count`, or the
    number of different points if there are fewer; every centre has a point. Raises Abandoned."""
    centres = _first_centres(rows, count)
    labels = _labels(rows, centres)
    for _ in range(PASSES):
        current_caller().check()
        centres = _means(rows, labels, len(centres))
        before, labels = labels, _labels(rows, centres)
        if np.array_equal(before, labels):
            break
    return labels, _means(rows, labels, len(centres))


def nearest_centre(rows: Rows, centres: Rows) -> tuple[Labels, NDArray[np.float32]]:
    """The nearest centre of each point, and its squared distance: both (n,)."""
    labels = np.empty(len(rows), np.int64)
    distances = np.empty(len(rows), np.float32)
    half = (centres * centres).sum(axis=1) / 2
    for start in range(0, len(rows), CHUNK):
        some = rows[start : start + CHUNK]
        values = some @ centres.T - half
        best = values.argmax(axis=1)
        labels[start : start + CHUNK] = best
        lengths = (some * some).sum(axis=1)
        distances[start : start + CHUNK] = lengths - 2 * values[np.arange(len(some)), best]
    return labels, np.maximum(distances, 0)


def _first_centres(rows: Rows, count: int) -> Rows:
    """k-means++: far points are chosen more likely."""
    random = np.random.default_rng(SEED)
    some = rows[:: -(-len(rows) // SEEDED)]
    chosen = [int(random.integers(len(some)))]
    away = _squares_from(some, some[chosen[0]])
    while len(chosen) < count and away.sum() > 0:
        place = int(random.choice(len(some), p=away / away.sum()))
        chosen.append(place)
        away = np.minimum(away, _squares_from(some, some[place]))
    return some[chosen]


def _squares_from(rows: Rows, centre: NDArray[np.float32]) -> NDArray[np.float64]:
    """Squared distances; of points that are the same but for rounding 0."""
    differences = rows - centre
    squares = np.einsum("nd,nd->n", differences, differences, dtype=np.float64)
    return np.where(squares < _SAME, 0.0, squares)


_SAME = 1e-8


def _means(rows: Rows, labels: Labels, count: int) -> Rows:
    """The mean of the points of each label, of which each has one."""
    order = np.argsort(labels, kind="stable")
    sizes = np.bincount(labels, minlength=count)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    sums = np.add.reduceat(rows[order].astype(np.float64), starts, axis=0)
    return np.asarray(sums / sizes[:, None], np.float32)


def _labels(rows: Rows, centres: Rows) -> Labels:
    """The nearest centre of each point. A centre that is nearest to none gets the farthest point of
    another that has several."""
    labels, distances = nearest_centre(rows, centres)
    sizes = np.bincount(labels, minlength=len(centres))
    lonely = np.flatnonzero(sizes == 0).tolist()
    farthest = iter(np.argsort(-distances, kind="stable").tolist() if lonely else ())
    for label in lonely:
        place = next(place for place in farthest if sizes[labels[place]] > 1)
        sizes[labels[place]] -= 1
        labels[place] = label
        sizes[label] = 1
    return labels
