"""k-means"""

from __future__ import annotations

import numpy as np
import pytest

from mmembed.explore.clusters.kmeans import kmeans
from tests.explore.vectors import grouped


def test_separate_groups_are_found() -> None:
    rows = grouped([30, 20, 50]).astype(np.float32)
    labels, centres = kmeans(rows, 3)
    assert [len(set(part.tolist())) for part in np.split(labels, [30, 50])] == [1, 1, 1]
    assert len(set(labels.tolist())) == len(centres) == 3
    assert np.allclose(centres[labels[0]], rows[:30].mean(axis=0), atol=1e-5)


def test_the_same_points_give_the_same_clusters() -> None:
    rows = np.random.default_rng(0).normal(size=(400, 5)).astype(np.float32)
    first, second = kmeans(rows, 17), kmeans(rows.copy(), 17)
    assert (first[0] == second[0]).all()
    assert (first[1] == second[1]).all()


@pytest.mark.parametrize(("points", "different", "wanted"), [(1, 1, 5), (3, 1, 2), (9, 3, 7)])
def test_there_are_no_more_clusters_than_different_points(
    points: int, different: int, wanted: int
) -> None:
    rows = np.eye(4, dtype=np.float32)[np.arange(points) % different]
    labels, centres = kmeans(rows, wanted)
    assert len(centres) == different
    assert sorted(set(labels.tolist())) == list(range(different))


def test_every_cluster_has_a_point() -> None:
    random = np.random.default_rng(3)
    rows = np.concatenate([random.normal(size=(500, 2)) * 1e-3, random.normal(size=(5, 2)) * 99])
    labels, centres = kmeans(rows.astype(np.float32), 40)
    assert set(labels.tolist()) == set(range(len(centres)))
    assert np.isfinite(centres).all()
