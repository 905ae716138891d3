"""Clusters at several levels"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from mmembed.explore.clusters.clusters import FINEST, ClusterLevels, clustered, usual_counts
from tests.explore.vectors import grouped, pictures_of


def clusters_of(rows: NDArray[np.float16], *counts: int) -> ClusterLevels:
    return clustered(pictures_of(rows), rows.astype(np.float32), counts, None)


def test_levels_nest_and_count_every_picture() -> None:
    found = clusters_of(grouped([60, 30, 20, 10]), 2, 4, 9)
    assert [len(level) for level in found.levels] == [2, 4, 9]
    for level in found.levels:
        sizes = [one.size for one in level]
        assert sum(sizes) == 120
        assert sizes == sorted(sizes, reverse=True)
    for above, level in pairwise(found.levels):
        for place, one in enumerate(above):
            assert sum(inner.size for inner in level if inner.parent == place) == one.size
    assert [one.size for one in found.levels[1]] == [60, 30, 20, 10]
    assert np.bincount(found.labels).tolist() == [one.size for one in found.levels[2]]
    assert all(one.parent is None for one in found.levels[0])


def test_a_picture_of_the_middle_stands_for_its_cluster() -> None:
    rows = grouped([9, 5])
    rows[3] = rows[:9].mean(axis=0)
    [first, second] = clusters_of(rows, 2).levels[0]
    assert first.representative == 40
    assert second.representative > 90


@pytest.mark.parametrize("count", [1, 3])
def test_equal_pictures_are_one_cluster(count: int) -> None:
    found = clusters_of(np.ones((count, 4), np.float16), 2, 3)
    [[only]] = found.levels
    assert (only.size, only.representative, only.name) == (count, 10, None)
    assert found.labels.tolist() == [0] * count


def test_counts_rise_with_the_collection_and_stay_bounded() -> None:
    assert usual_counts(1) == (1,)
    assert usual_counts(9) == (3,)
    assert usual_counts(400) == (8, 13, 20)
    assert usual_counts(10**7) == (8, 40, FINEST)
