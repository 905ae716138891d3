"""Vectors in memory by id, whatever comes and goes."""

from __future__ import annotations

import numpy as np
import pytest

from mmembed.errors import StoreError
from mmembed.store.vectors import unit
from mmembed.store.vectors.table import CAPACITY, Table, Vectors

DIM = 8


def random_rows(random: np.random.Generator, count: int) -> Vectors:
    return random.normal(size=(count, DIM)).astype(np.float16)


def same(table: Table, expected: dict[int, Vectors]) -> bool:
    ids = table.ids
    stored = [expected[i] for i in sorted(expected)]
    return (
        ids.tolist() == sorted(expected)
        and len(table) == len(expected)
        and table.rows(ids).tolist() == unit(np.stack(stored)).tolist()
        and np.concatenate(table.arrays()).tolist() == np.stack(stored).tolist()
    )


@pytest.mark.slow
@pytest.mark.parametrize("rising", [True, False])
def test_what_comes_and_goes_leaves_each_vector_under_its_own_id(rising: bool) -> None:
    """And each former table as it was: searches may still read it."""
    random = np.random.default_rng(0)
    table, following = Table.empty(DIM), 1
    expected: dict[int, Vectors] = {}
    former: list[tuple[Table, dict[int, Vectors]]] = []
    for turn in range(200):
        new = [following + number for number in range(int(random.integers(0, 40)))]
        if not rising and turn % 20 == 7:
            new = [-turn, following - 1]  # which no id was yet
        following += len(new) + 3
        vectors = random_rows(random, len(new))
        table = table.with_more(np.array(new[::-1], np.int64), vectors[::-1])
        expected = expected | dict(zip(new, vectors, strict=True))
        if turn % 40 == 0 and expected:
            former.append((table, dict(expected)))
        count = int(random.integers(0, min(len(expected), 30) + 1))
        gone = random.choice(np.array(list(expected), np.int64), count, replace=False)
        table = table.without(gone)
        expected = {i: row for i, row in expected.items() if i not in set(gone.tolist())}
    assert following > 2 * CAPACITY
    assert same(table, expected)
    assert all(same(one, held) for one, held in former)
    ids = table.ids
    assert table.contains([int(ids[0]), 2, -5, 10**9]).tolist() == [
        True,
        2 in expected,
        False,
        False,
    ]
    middle = int(ids[len(ids) // 2])
    assert table.ids_after(middle).tolist() == [i for i in sorted(expected) if i > middle]
    assert table.ids_after(-1000).tolist() == ids.tolist()


def test_two_tables_that_are_made_of_one_do_not_share_what_they_add() -> None:
    random = np.random.default_rng(1)
    rows = random_rows(random, 3)
    table = Table.empty(DIM).with_more(np.array([1]), rows[:1])
    one = table.with_more(np.array([2]), rows[1:2])
    other = table.with_more(np.array([2]), rows[2:])
    assert one.vectors(np.array([2])).tolist() == rows[1:2].tolist()
    assert other.vectors(np.array([2])).tolist() == rows[2:].tolist()
    assert table.is_former_of(one)
    assert not Table.empty(DIM).is_former_of(one)


@pytest.mark.parametrize("step", [1, 2])
def test_vectors_are_found_by_ids_with_and_without_gaps(step: int) -> None:
    rows = random_rows(np.random.default_rng(3), 9)
    ids = np.arange(10, 10 + 8 * step, step)
    table = Table.of(ids, rows[:8]).with_more(np.array([100]), rows[8:])
    asked = ids[[7, 0, 3]]
    assert table.vectors(asked).tolist() == rows[[7, 0, 3]].tolist()
    assert table.vectors(np.array([100, ids[7]])).tolist() == rows[[8, 7]].tolist()
    known = table.without(ids[:1]).contains([*ids[:2].tolist(), 9, 11, 50, 100])
    assert known.tolist() == [False, True, False, step == 1, False, True]


def test_the_memory_of_removed_vectors_is_freed() -> None:
    random = np.random.default_rng(2)
    ids = np.arange(1, 4 * CAPACITY + 1)
    table = Table.empty(DIM).with_more(ids, random_rows(random, len(ids)))
    few = table.without(ids[:CAPACITY])
    assert (few.removed, len(few.gone)) == (CAPACITY, 4 * CAPACITY)
    many = few.without(ids[CAPACITY : 2 * CAPACITY])
    assert (many.removed, len(many.gone)) == (0, 2 * CAPACITY)
    assert many.rows(ids[-9:]).tolist() == table.rows(ids[-9:]).tolist()


@pytest.mark.parametrize("value", [np.nan, np.inf, 0])
def test_a_broken_vector_does_not_enter(value: float) -> None:
    table = Table.empty(DIM).with_more(np.array([7]), np.ones((1, DIM), np.float16))
    broken = np.ones((2, DIM), np.float16)
    broken[1] = value
    with pytest.raises(StoreError, match="broken"):
        table.with_more(np.array([8, 9]), broken)
    with pytest.raises(StoreError, match="broken"):
        table.with_more(np.array([8]), np.ones((1, DIM + 1), np.float16))
    assert table.ids.tolist() == [7]


def test_nothing_is_in_an_empty_one() -> None:
    nothing = np.array([], np.int64)
    table = Table.empty(DIM).with_more(nothing, np.empty((0, 0), np.float16)).without(nothing)
    assert (len(table), table.ids.tolist(), table.contains([1]).tolist()) == (0, [], [False])
    assert table.rows(nothing).shape == (0, DIM)
