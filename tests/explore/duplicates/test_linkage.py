"""Groups in which each two pictures belong together."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mmembed.explore.duplicates import group
from mmembed.explore.duplicates.centres import Numbers, ReachOf
from mmembed.explore.duplicates.linkage import linked
from mmembed.explore.duplicates.pairs import Pairs

Places = NDArray[np.int64]
REACH = 1.0


class Near:
    """Points belong together that are nearer than REACH, on a line or in space. Counts what it
    compares."""

    def __init__(self, points: NDArray[np.float64] | list[float]) -> None:
        """points: (n,) or (n, dim)."""
        self._points = np.asarray(points, np.float64).reshape(len(points), -1)
        self.compared = 0

    def apart(self, some: Places, others: Places) -> Numbers:
        between = self._points[some][:, None] - self._points[others][None, :]
        return np.asarray(np.linalg.norm(between, axis=2))

    def belong(self, some: Places, others: Places) -> NDArray[np.bool_]:
        self.compared += len(some) * len(others)
        return self.apart(some, others) < REACH

    def reach_around(self, places: Places) -> ReachOf:
        middle = self._points[places].mean(axis=0)
        return lambda some: np.linalg.norm(self._points[some] - middle, axis=1) / REACH + 1e-9

    def pairs(self) -> Pairs:
        """All pairs that belong together; nearer ones are closer."""
        places = np.arange(len(self._points))
        apart = self.apart(places, places)
        some, others = np.nonzero(np.triu(apart < REACH, 1))
        return Pairs(some, others, (-apart[some, others]).astype(np.float32))


def groups(
    points: NDArray[np.float64] | list[float], said: dict[int, frozenset[int]] | None = None
) -> list[list[int]]:
    near = Near(points)
    return linked(near.pairs(), near, said or {}, np.arange(len(points)))


def by_comparing_all(points: NDArray[np.float64]) -> list[list[int]]:
    """The same by its definition."""
    near = Near(points)
    pairs = near.pairs()
    group_of = {place: [place] for place in range(len(points))}
    for row in np.argsort(-pairs.values, kind="stable").tolist():
        ours, theirs = group_of[int(pairs.some[row])], group_of[int(pairs.others[row])]
        if ours is not theirs and near.belong(np.array(ours), np.array(theirs)).all():
            group_of |= dict.fromkeys(ours + theirs, ours + theirs)
    return sorted({tuple(sorted(one)): sorted(one) for one in group_of.values() if len(one) > 1}
                  .values())  # fmt: skip


def test_a_chain_is_no_group() -> None:
    assert groups([0.0, 0.8, 1.7, 2.6]) == [[0, 1], [2, 3]]
    assert groups([0, 0.9, 1.8, 2.7, 3.6])[0] == [0, 1]


def test_pictures_that_are_all_near_are_one_group() -> None:
    assert groups([0, 0.1, 0.2, 5, 5.1]) == [[0, 1, 2], [3, 4]]
    assert groups([1, 9]) == []


def test_groups_become_one_also_along_few_pairs() -> None:
    """Of many equal pictures only some pairs are known."""
    count = 500
    chain = Pairs(np.arange(count - 1), np.arange(1, count), np.ones(count - 1, np.float32))
    assert linked(chain, Near([0.0] * count), {}, np.zeros(count, np.int64)) == [list(range(count))]


def test_what_is_said_to_be_no_duplicate_stays_apart() -> None:
    said = {0: frozenset({7}), 2: frozenset({7}), 3: frozenset({8})}
    assert groups([0, 0.1, 0.2], said) == [[0, 1]]
    # A new member joins one of them, and not both.
    found = groups([0, 0.3, 0.5, 0.2], said)
    assert found == [[0, 1, 3]] or found == [[0, 3], [1, 2]]
    assert not any({0, 2} <= set(group) for group in found)


def test_the_order_of_pairs_does_not_matter() -> None:
    random = np.random.default_rng(3)
    near = Near(random.uniform(0, 20, 60))
    pairs = near.pairs()
    shuffled = pairs.where(random.permutation(len(pairs)))
    found = linked(shuffled, near, {}, np.arange(60))
    assert found == linked(pairs, near, {}, np.arange(60))
    for members in found:
        assert near.apart(np.array(members), np.array(members)).max() < REACH


def test_large_groups_are_those_of_all_comparisons() -> None:
    """Clumps of some hundred points, of which some are too wide to be one group."""
    random = np.random.default_rng(5)
    for spread in (0.1, 0.3, 0.5):
        points = random.integers(0, 3, (400, 1)) * 1.5 + random.normal(0, spread, (400, 3))
        assert groups(points) == by_comparing_all(points)


def test_pictures_of_one_large_group_are_hardly_compared() -> None:
    """The comparison of each with each would be two million."""
    count = 2000
    random = np.random.default_rng(2)
    points = random.normal(size=(count, 20))
    near = Near(points / np.linalg.norm(points, axis=1, keepdims=True) * 0.45)
    places = np.arange(count)
    pairs = [Pairs(places[:-step], places[step:], np.full(count - step, -step, np.float32))
             for step in range(1, 9)]  # fmt: skip
    assert linked(Pairs.joined(pairs), near, {}, places) == [places.tolist()]
    assert near.compared < 2 * count


def test_a_group_that_would_need_too_many_comparisons_stays_in_parts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Points in all corners of a space: none says anything of the others."""
    monkeypatch.setattr(group, "MOST_COMPARED", 50)
    count = 300
    points = np.eye(count) * 0.7  # 0.99 from each other, 0.7 from their mean
    chain = Pairs(np.arange(count - 1), np.arange(1, count), np.ones(count - 1, np.float32))
    near = Near(points)
    found = linked(chain, near, {}, np.arange(count))
    assert sorted(place for members in found for place in members) == list(range(count))
    assert max(map(len, found)) == 51
    assert near.compared < 50 * count
