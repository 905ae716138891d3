"""Vectors in memory by id, whatever comes and goes."""

from __future__ import annotations

import numpy as np
import pytest

from mmembed.errors import StoreError
from mmembed.store.vectors import unit
from mmembed.store.vectors.flat import CAPACITY, Flat, Vectors

DIM = 8


def test_what_comes_and_goes_leaves_each_vector_under_its_own_id() -> None:
    random = np.random.default_rng(0)
    flat, following = Flat(DIM), 1
    expected: dict[int, Vectors] = {}
    for _ in range(200):
        new = [following + number for number in range(int(random.integers(0, 40)))]
        following += len(new) + 3
        vectors = random.normal(size=(len(new), DIM)).astype(np.float16)
        flat.add(new[::-1], vectors[::-1])
        expected |= dict(zip(new, vectors, strict=True))
        count = int(random.integers(0, min(len(expected), 30) + 1))
        gone = random.choice(np.array(list(expected), np.int64), count, replace=False)
        flat.remove(gone)
        for one in gone.tolist():
            del expected[one]
    assert following > 2 * CAPACITY
    ids = flat.ids()
    assert ids.tolist() == sorted(expected)
    assert flat.rows(ids).tolist() == unit(np.stack([expected[i] for i in ids.tolist()])).tolist()
    assert flat.contains([int(ids[0]), 2, -5]).tolist() == [True, 2 in expected, False]


@pytest.mark.parametrize("value", [np.nan, np.inf, 0])
def test_a_broken_vector_leaves_it_as_it_was(value: float) -> None:
    flat = Flat(DIM)
    flat.add([7], np.ones((1, DIM), np.float16))
    broken = np.ones((2, DIM), np.float16)
    broken[1] = value
    with pytest.raises(StoreError, match="broken"):
        flat.add([8, 9], broken)
    with pytest.raises(StoreError, match="broken"):
        flat.add([8], np.ones((1, DIM + 1), np.float16))
    assert flat.ids().tolist() == [7]


def test_nothing_is_in_an_empty_one() -> None:
    flat = Flat(DIM)
    flat.add([], np.empty((0, 0), np.float16))
    flat.remove(np.array([], np.int64))
    assert (len(flat), flat.ids().tolist(), flat.contains([1]).tolist()) == (0, [], [False])
    assert flat.rows(np.array([], np.int64)).shape == (0, DIM)
