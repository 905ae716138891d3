"""Groups in which each two pictures belong together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmembed.explore.duplicates.linkage import Belong, linked
from mmembed.explore.duplicates.pairs import Pairs

Places = NDArray[np.int64]


def pairs_within(positions: list[float], reach: float) -> Pairs:
    """All pairs of points on a line that are nearer than `reach`; nearer ones are closer."""
    line = np.array(positions)
    apart = np.abs(line[:, None] - line[None, :])
    some, others = np.nonzero(np.triu(apart < reach, 1))
    return Pairs(some, others, (-apart[some, others]).astype(np.float32))


def within(positions: list[float], reach: float) -> Belong:
    line = np.array(positions)

    def belong(some: Places, others: Places) -> NDArray[np.bool_]:
        return np.asarray(np.abs(line[some][:, None] - line[others][None, :]) < reach)

    return belong


def groups(
    positions: list[float], reach: float, said: dict[int, frozenset[int]] | None = None
) -> list[list[int]]:
    return linked(pairs_within(positions, reach), within(positions, reach), said or {})


def test_a_chain_is_no_group() -> None:
    assert groups([0.0, 1.0, 2.1, 3.3], 1.2) == [[0, 1], [2, 3]]
    assert groups([0, 0.9, 1.8, 2.7, 3.6], 1.0)[0] == [0, 1]


def test_pictures_that_are_all_near_are_one_group() -> None:
    assert groups([0, 0.1, 0.2, 5, 5.1], 1.0) == [[0, 1, 2], [3, 4]]
    assert groups([1, 9], 1.0) == []


def test_groups_become_one_also_along_few_pairs() -> None:
    """Of many equal pictures only some pairs are known."""
    count = 500
    chain = Pairs(np.arange(count - 1), np.arange(1, count), np.ones(count - 1, np.float32))
    belong = within([0.0] * count, 1.0)
    assert linked(chain, belong, {}) == [list(range(count))]


def test_what_is_said_to_be_no_duplicate_stays_apart() -> None:
    said = {0: frozenset({7}), 2: frozenset({7}), 3: frozenset({8})}
    assert groups([0, 0.1, 0.2], 1.0, said) == [[0, 1]]
    # A new member joins one of them, and not both.
    found = groups([0, 0.3, 0.5, 0.2], 1.0, said)
    assert found == [[0, 1, 3]] or found == [[0, 3], [1, 2]]
    assert not any({0, 2} <= set(group) for group in found)


def test_the_order_of_pairs_does_not_matter() -> None:
    random = np.random.default_rng(3)
    positions = random.uniform(0, 20, 60).tolist()
    pairs = pairs_within(positions, 0.8)
    order = random.permutation(len(pairs))
    shuffled = Pairs(pairs.some[order], pairs.others[order], pairs.values[order])
    found = linked(shuffled, within(positions, 0.8), {})
    assert found == groups(positions, 0.8)
    for group in found:
        assert max(positions[i] for i in group) - min(positions[i] for i in group) < 0.8
