"""The int8 scan leaves all that may be among the best, whatever the vectors look like."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from mmembed.store.vectors import int8_codes, int8_scan
from mmembed.store.vectors.int8_codes import Grid
from mmembed.store.vectors.int8_scan import CodeScan, Wanted, reached
from mmembed.store.vectors.rescoring import rank, unit

Vectors = NDArray[np.float32]
DIM = 96
COUNT = 6000


def _unit(rows: NDArray[np.float64]) -> Vectors:
    """As the graph gives them back: rounded to float16, unit-norm."""
    return unit((rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16))


def _random(random: np.random.Generator) -> Vectors:
    return _unit(random.normal(size=(COUNT, DIM)))


def _clustered(random: np.random.Generator) -> Vectors:
    centres = random.normal(size=(50, DIM))
    return _unit(centres[random.integers(50, size=COUNT)] + 0.5 * random.normal(size=(COUNT, DIM)))


def _like_clip(random: np.random.Generator) -> Vectors:
    """A mean that all share, and one dimension that is far larger than the others."""
    rows = random.normal(size=(COUNT, DIM)) + 2 * random.normal(size=DIM)
    rows[:, 13] += 60 + 5 * random.normal(size=COUNT)
    return _unit(rows)


def _near_duplicates(random: np.random.Generator) -> Vectors:
    """Thousands of vectors that differ by less than int8 can tell."""
    return _unit(random.normal(size=DIM) + 2e-3 * random.normal(size=(COUNT, DIM)))


def _spikes(random: np.random.Generator) -> Vectors:
    """Of some vectors nearly all lies in one dimension, so that the codes of the rest are 0."""
    rows = 1e-3 * random.normal(size=(COUNT, DIM))
    rows[np.arange(COUNT), random.integers(DIM, size=COUNT)] = random.choice([-1, 1], COUNT)
    return _unit(rows)


def _all_alike(random: np.random.Generator) -> Vectors:
    return _unit(np.tile(random.normal(size=DIM), (COUNT, 1)))


SHAPES = [_random, _clustered, _like_clip, _near_duplicates, _spikes, _all_alike]
Make = Callable[[np.random.Generator], Vectors]


def queries_for(rows: Vectors, random: np.random.Generator) -> Vectors:
    """Some near a vector, some anywhere, one that is a vector, one along an axis."""
    near = rows[:4] + 0.05 * random.normal(size=(4, DIM))
    everywhere = random.normal(size=(4, DIM))
    found = np.concatenate([near, everywhere, rows[7:8], np.eye(DIM)[13:14]])
    norms = np.linalg.norm(found, axis=1, keepdims=True)
    return np.asarray(found / norms, dtype=np.float32)


def brute_force(rows: Vectors, query: Vectors, count: int) -> tuple[list[int], list[float]]:
    """Ids from 1 on and scores, of float64 sums over all rows."""
    scores = np.round((rows.astype(np.float64) * query).sum(axis=1), 6)
    order = np.lexsort((np.arange(len(rows)), -scores))[:count]
    return (order + 1).tolist(), scores[order].tolist()


def answer(
    made: CodeScan, rows: Vectors, query: Vectors, count: int
) -> tuple[list[int], list[float], int]:
    [near] = made.nearest([Wanted(query, count)])
    ranked = rank(near, lambda ids: rows[ids - 1], query, count, size=len(made))
    return ranked.ids.tolist(), ranked.scores.tolist(), len(near)


def scan_of(rows: Vectors, ids: NDArray[np.int64] | None = None) -> CodeScan:
    return CodeScan.of(
        np.arange(1, len(rows) + 1) if ids is None else ids, lambda some: rows[some - 1]
    )


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(int8_scan, "BLOCK", 1000)
    monkeypatch.setattr(int8_scan, "PORTION", 300)


@pytest.mark.slow
@pytest.mark.parametrize("make", SHAPES)
def test_the_best_of_what_is_left_are_those_of_brute_force(make: Make) -> None:
    random = np.random.default_rng(1)
    rows = make(random)
    made = scan_of(rows)
    for query in queries_for(rows, random):
        for count in (1, 12, 300, 5999, 6000, 9000):
            ids, scores, _ = answer(made, rows, query, count)
            assert (ids, scores) == brute_force(rows, query, count)


@pytest.mark.parametrize("make", SHAPES)
def test_no_cosine_lies_outside_its_bounds(make: Make) -> None:
    random = np.random.default_rng(2)
    rows = make(random)
    made = Grid.of(rows[:50])  # to which the others were not fitted
    codes, columns = made.encode(rows)
    for query in queries_for(rows, random):
        common = float(made.centre.astype(np.float64) @ query)
        exact = rows.astype(np.float64) @ query - common
        for planes in (1, 2):
            asked = made.encoded(query, planes)
            about, off = asked.about(codes, columns[0]), asked.off(columns)
            assert (about - off <= exact - 1e-6).all()
            assert (exact + 1e-6 <= about + off).all()


@pytest.mark.parametrize("make", [_random, _clustered, _like_clip, _spikes])
def test_few_are_left(make: Make) -> None:
    """What makes it fast: without centre and spread, one wide dimension leaves them all."""
    random = np.random.default_rng(3)
    rows = make(random)
    made = scan_of(rows)
    left = [answer(made, rows, query, 12)[2] for query in queries_for(rows, random)]
    assert np.median(left) < COUNT / 20


def test_what_came_and_went_is_as_if_it_had_been_so_from_the_start() -> None:
    random = np.random.default_rng(4)
    rows = _clustered(random)
    ids = np.arange(1, COUNT + 1)
    made = scan_of(rows, ids[:2500])
    for start in range(2500, 4000, 70):
        made = made.with_more(ids[start : start + 70], rows[start : start + 70])
        made = made.without(ids[start - 2500 : start - 2480])
    made = made.without(ids[1000:2100])
    kept = np.sort(made.ids)
    assert sum(len(block) for block in made.blocks) == len(made) == made.columns.shape[1]
    gone = {int(i) for start in range(2500, 4000, 70) for i in ids[start - 2500 : start - 2480]}
    assert set(kept.tolist()) == set(range(1, int(kept[-1]) + 1)) - gone - set(range(1001, 2101))
    for query in queries_for(rows, random):
        expected, _ = brute_force(rows[kept - 1], query, 40)
        assert answer(made, rows, query, 40)[0] == [int(kept[i - 1]) for i in expected]


def test_a_scan_is_outgrown_when_it_has_doubled() -> None:
    rows = _random(np.random.default_rng(5))
    made = scan_of(rows, np.arange(1, 101))
    assert not made.with_more(np.arange(101, 201), rows[100:200]).outgrown
    assert made.with_more(np.arange(101, 202), rows[100:201]).outgrown


def test_one_scan_may_be_read_while_another_is_made_of_it() -> None:
    rows = _random(np.random.default_rng(6))
    first = scan_of(rows, np.arange(1, 1501))
    [query] = queries_for(rows, np.random.default_rng(6))[:1]
    before = answer(first, rows, query, 50)
    first.with_more(np.arange(1501, 1600), rows[1500:1599])
    first.without(np.arange(1, 700))
    assert answer(first, rows, query, 50) == before


def test_only_what_is_asked_for_is_left() -> None:
    random = np.random.default_rng(7)
    rows = _like_clip(random)
    made = scan_of(rows)
    among = np.sort(random.choice(np.arange(1, COUNT + 1), 700, replace=False))
    for query in queries_for(rows, random):
        places = made.places_of(np.append(among, 10**9))
        near, size = made.nearest_at(Wanted(query, 20), places), len(places)
        assert (size, len(near) < 700) == (700, True)
        best = rank(near, lambda ids: rows[ids - 1], query, 20, size=size).ids.tolist()
        expected, _ = brute_force(rows[among - 1], query, 20)
        assert best == [int(among[i - 1]) for i in expected]
    assert not len(made.places_of(np.array([10**9])))


def test_nothing_is_found_where_nothing_is() -> None:
    empty = scan_of(np.empty((0, DIM), np.float32))
    wanted = Wanted(np.ones(DIM, np.float32), 5)
    assert [len(near) for near in empty.nearest([wanted])] == [0]
    one = empty.with_more(np.array([5]), np.eye(DIM, dtype=np.float32)[:1])
    assert [near.tolist() for near in one.nearest([wanted])] == [[5]]


@pytest.mark.parametrize("together", [2, 3, 8])
def test_queries_that_are_answered_together_get_what_each_gets_alone(together: int) -> None:
    random = np.random.default_rng(8)
    rows = _like_clip(random)
    made = scan_of(rows)
    counts = [20, 1, 3000, 7, 20, 10_000, 2, 50][:together]
    queries = queries_for(rows, random)[:together]
    wanted = [Wanted(*one) for one in zip(queries, counts, strict=True)]
    for one, near in zip(wanted, made.nearest(wanted), strict=True):
        assert near.tolist() == made.nearest([one])[0].tolist()


@pytest.mark.parametrize("count", [1, 3, 20, 39, 40, 500, 10_000])
def test_at_least_so_many_values_reach_the_number(count: int) -> None:
    values = np.random.default_rng(count).normal(size=10_000)
    for some in (values, np.sort(values), np.zeros(10_000)):
        number = reached(some, count)
        assert count <= (some >= number).sum() <= max(2 * count + 70, (some == number).sum())


@pytest.mark.parametrize("dim", [1, 3, 31, 512, 1000, 1152])
def test_products_of_codes_are_exact_at_their_extremes(dim: int) -> None:
    codes = np.random.default_rng(dim).integers(-127, 128, size=(5, dim)).astype(np.int8)
    codes[:2] = [[127], [-127]]
    for plane in codes:
        exact = codes.astype(np.int64) @ plane.astype(np.int64)
        assert int8_codes.products(codes, plane).tolist() == exact.tolist()
