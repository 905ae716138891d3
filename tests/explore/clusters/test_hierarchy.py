"""Small clusters within larger ones"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from mmembed.explore.clusters.hierarchy import joined


def test_near_clusters_are_joined_first() -> None:
    centres = np.array([[0], [1], [10], [11], [50]], np.float32)
    sizes = np.array([1, 1, 1, 1, 1])
    five, three, two = joined(centres, sizes, [5, 3, 2])
    assert five.tolist() == [0, 1, 2, 3, 4]
    assert three.tolist() == [0, 0, 1, 1, 2]
    assert two.tolist() == [0, 0, 0, 0, 1]


def test_a_large_cluster_is_joined_later() -> None:
    centres = np.array([[0], [4], [9]], np.float32)
    [levels] = joined(centres, np.array([1000, 1000, 1]), [2])
    assert levels.tolist() == [0, 1, 1]


def test_levels_nest() -> None:
    centres = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    levels = joined(centres, np.arange(1, 41), [40, 12, 5, 1])
    for small, large in pairwise(levels):
        assert all(len(set(large[small == label].tolist())) == 1 for label in set(small.tolist()))
    assert levels[-1].tolist() == [0] * 40
