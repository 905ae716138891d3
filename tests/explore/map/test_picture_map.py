"""Maps, and pictures that come and go"""

from __future__ import annotations

import numpy as np
import pytest

from mmembed.explore.map.picture_map import density
from mmembed.explore.map.plane import LARGEST, MARGIN, Plane
from tests.explore.map.maps import map_of
from tests.explore.vectors import grouped


def test_all_lie_within_a_square_with_its_form_kept() -> None:
    points = np.array([[-3, 0], [5, 1], [1, 2]], np.float32)
    whole = Plane.around(points).whole(points).astype(int)
    assert whole.min() >= MARGIN * LARGEST - 1
    assert whole.max() <= (1 - MARGIN) * LARGEST + 1
    first, second = whole[1] - whole[0], points[1] - points[0]
    assert first[0] / first[1] == pytest.approx(second[0] / second[1], rel=1e-3)


@pytest.mark.parametrize("count", [1, 3])
def test_equal_points_lie_in_the_middle(count: int) -> None:
    points = np.full((count, 2), 7, np.float32)
    assert np.abs(Plane.around(points).whole(points).astype(int) - LARGEST // 2).max() <= 1


@pytest.mark.parametrize("by_neighbours", [False, True])
def test_new_pictures_lie_among_similar_ones_and_no_other_moves(by_neighbours: bool) -> None:
    rows = grouped([30, 30, 30])
    known = map_of(rows, 3, by_neighbours=by_neighbours)
    more = grouped([1, 1, 1])
    ids = np.array([1, 15, 999])
    now = known.with_pictures([known.placed(ids, more)])
    assert now.ids.tolist() == sorted([*known.ids.tolist(), *ids.tolist()])
    stay = np.isin(now.ids, known.ids)
    assert (now.points[stay] == known.points).all()
    assert (now.labels[stay] == known.labels).all()
    for place, item_id in enumerate(ids.tolist()):
        [row] = np.flatnonzero(now.ids == item_id)
        group = slice(30 * place, 30 * place + 30)
        assert now.labels[row] == known.labels[group][0]
        middle = np.median(known.points[group], axis=0)
        away = np.linalg.norm(now.points[row] - middle)
        others = np.linalg.norm(known.points.astype(float) - middle, axis=1)
        assert away < np.delete(others, np.arange(90)[group]).min()


def test_a_picture_that_changed_moves_alone() -> None:
    rows = grouped([30, 30])
    known = map_of(rows, 2)
    now = known.with_pictures([known.placed(np.array([10]), rows[59:])])
    assert now.points[0].tolist() == known.points[59].tolist()
    assert now.labels[0] == known.labels[59]
    assert (now.points[1:] == known.points[1:]).all()


def test_pictures_leave_and_sizes_follow() -> None:
    known = map_of(grouped([30, 20, 10]), 2, 3)
    now = known.without_pictures(np.arange(10, 310, 10))
    assert len(now) == 30
    assert [sorted(sizes.tolist()) for sizes in now.sizes()][1] == [0, 10, 20]
    assert all(sizes.sum() == 30 for sizes in now.sizes())
    assert known.without_pictures(np.array([5])) is known


def test_names_go_where_pictures_of_the_cluster_are() -> None:
    known = map_of(grouped([30, 20, 10]), 2, 3)
    labels = known.labels_by_level()
    for own, middles in zip(labels, known.middles(), strict=True):
        for place, middle in enumerate(middles.tolist()):
            assert middle in known.points[own == place].tolist()


def test_density_counts_every_picture_once() -> None:
    points = np.array([[0, 0], [LARGEST, LARGEST], [LARGEST, 0], [10, 3]], np.uint16)
    assert density(points, 2).tolist() == [[2, 1], [0, 1]]
