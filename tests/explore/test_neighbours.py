"""Neighbours in blocks are those of a plain comparison of all with all."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mmembed.cancellation import Caller, working_for
from mmembed.errors import Abandoned
from mmembed.explore import neighbours
from mmembed.explore.neighbours import Neighbourhood

Rows = NDArray[np.float32]


def found(
    rows: Rows, queries: Rows, count: int, *, own: bool = False
) -> tuple[NDArray[np.int64], Rows]:
    parts = list(Neighbourhood(rows).nearest(queries, count, own=own))
    assert [part.start for part, _, _ in parts[1:]] == [part.stop for part, _, _ in parts[:-1]]
    return np.concatenate([one for _, one, _ in parts]), np.concatenate([one for *_, one in parts])


def plain(rows: Rows, queries: Rows, count: int, *, own: bool = False) -> NDArray[np.int64]:
    away = ((queries[:, None].astype(float) - rows[None]) ** 2).sum(axis=2)
    if own:
        np.fill_diagonal(away, np.inf)
    return np.argsort(away, axis=1, kind="stable")[:, :count]


@pytest.mark.parametrize(("size", "count"), [(1, 1), (7, 3), (33, 32), (200, 2), (999, 10)])
def test_all_are_found(monkeypatch: pytest.MonkeyPatch, size: int, count: int) -> None:
    monkeypatch.setattr(neighbours, "BLOCK_BYTES", 40_000)  # several blocks
    random = np.random.default_rng(0)
    rows = random.normal(size=(size, 6)).astype(np.float32)
    queries = random.normal(size=(50, 6)).astype(np.float32)
    places, squares = found(rows, queries, count)
    assert (places == plain(rows, queries, count)).all()
    expected = ((queries[:, None] - rows[places]) ** 2).sum(axis=2)
    assert np.allclose(squares, expected, atol=1e-4)


def test_no_point_is_its_own_neighbour() -> None:
    rows = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)
    places, _ = found(rows, rows, 5, own=True)
    assert (places == plain(rows, rows, 5, own=True)).all()


def test_of_equal_points_the_first_come_first() -> None:
    places, squares = found(np.ones((200, 3), np.float32), np.ones((1, 3), np.float32), 3)
    assert places.tolist() == [[0, 1, 2]]
    assert squares.tolist() == [[0, 0, 0]]


def test_work_ends_when_its_caller_has_left() -> None:
    caller = Caller()
    caller.leave()
    rows = np.ones((3, 3), np.float32)
    with working_for(caller), pytest.raises(Abandoned):
        list(Neighbourhood(rows).nearest(rows, 1))
