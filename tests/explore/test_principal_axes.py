"""Principal axes"""

from __future__ import annotations

import numpy as np

from mmembed.explore.principal_axes import principal_axes


def test_the_first_axis_has_the_largest_variance() -> None:
    random = np.random.default_rng(0)
    rows = (random.normal(size=(500, 8)) * [1, 1, 9, 1, 1, 3, 1, 1] + 5).astype(np.float16)
    axes = principal_axes(rows, 4)
    spread = axes.project(rows).std(axis=0)
    assert (np.diff(spread) <= 1e-6).all()
    assert np.allclose(axes.basis.T @ axes.basis, np.eye(4), atol=1e-5)
    assert np.allclose(axes.project(rows).mean(axis=0), 0, atol=1e-3)


def test_lengths_do_not_matter() -> None:
    rows = np.random.default_rng(0).normal(size=(40, 5))
    axes = principal_axes(rows.astype(np.float16), 2)
    longer = (rows * np.random.default_rng(1).uniform(1, 9, (40, 1))).astype(np.float16)
    assert np.allclose(axes.project(longer), axes.project(rows.astype(np.float16)), atol=5e-3)


def test_one_picture_and_equal_ones_lie_at_one_point() -> None:
    for count in (1, 3):
        rows = np.ones((count, 6), np.float16)
        assert np.allclose(principal_axes(rows).project(rows), 0, atol=1e-3)


def test_a_single_number_still_has_two_axes() -> None:
    rows = np.array([[1], [-1], [2]], np.float16)
    assert principal_axes(rows).project(rows).shape == (3, 2)
