"""Outliers"""

from __future__ import annotations

import numpy as np
import pytest

from mmembed.explore.outliers import outliers
from mmembed.explore.picture_vectors import PictureVectors
from tests.explore.vectors import grouped, pictures_of


def test_a_stray_comes_first() -> None:
    rows = grouped([40, 40, 1])
    first, second, *_ = outliers(pictures_of(rows), (), 5)
    assert first.item_id == 810
    assert first.times_usual > 3
    assert first.distance == pytest.approx(np.sqrt(2), abs=0.2)
    assert second.distance < 1


def test_pictures_beyond_the_sample_are_looked_at_too() -> None:
    rows = grouped([40, 40, 1])
    sample, rest = (
        PictureVectors(np.arange(80), rows[:80]),
        PictureVectors(np.array([99]), rows[80:]),
    )
    [first] = outliers(sample, [rest], 1)
    assert first.item_id == 99
    assert first.nearest in sample.ids


def test_a_pair_of_copies_is_no_outlier_to_each_other() -> None:
    found = outliers(pictures_of(np.ones((3, 4), np.float16)), (), 9)
    assert [(one.item_id, one.distance, one.times_usual) for one in found] == [
        (10, 0, 0), (20, 0, 0), (30, 0, 0)
    ]  # fmt: skip


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_have_none(count: int) -> None:
    assert outliers(pictures_of(np.ones((count, 4), np.float16)), (), 5) == []
