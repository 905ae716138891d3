"""A graph is searched as far as each query needs, and no further."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from mmembed.errors import StoreError
from mmembed.store.vectors import expansion
from mmembed.store.vectors.expansion import (
    ABOVE_ALL,
    BAND,
    EXPANSIONS,
    TrialSearches,
    choose_reach,
    enough,
    measured,
    nearest,
    queries,
)
from mmembed.store.vectors.hnsw import Graph
from mmembed.store.vectors.reach import Reach
from mmembed.store.vectors.rescoring import POOL, rank
from mmembed.store.vectors.table import Table
from tests.store.vectors.clustered import DIM, Vectors, clustered


@pytest.fixture(scope="module")
def table(many: Vectors) -> Table:
    ids = np.arange(1, len(many) + 1)
    return Table.empty(DIM).with_more(ids, many.astype(np.float16)).without(ids[::50])


@pytest.fixture
def graph(table: Table) -> Graph:
    return Graph.built(table)


def recall(graph: Graph, table: Table, rows: Vectors) -> float:
    """The share of the nearest ten that a graph finds, as it is set."""
    hits = 0
    for row, limit in zip(rows, nearest(table, rows, 10), strict=True):
        ids = graph.near(row, POOL).ids
        ids = ids[table.contains(ids)]
        scores = rank(ids, table.rows, row, 10, size=len(table)).scores
        hits += int((scores >= limit - 1e-6).sum())
    return hits / (10 * len(rows))


# -- what is chosen --------------------------------------------------------------------


def test_likeness_decides_how_far_a_query_is_searched() -> None:
    reach = Reach(96, further=((0.6, 256), (0.3, 2048)))
    assert [reach.expansion_for(likeness) for likeness in (0.9, 0.6, 0.59, 0.3, 0.1, -1)] == [
        *(96, 96, 256, 256, 2048, 2048)
    ]
    assert [reach.visited(likeness) for likeness in (0.9, 0.5, 0.1)] == [96, 352, 2144]
    assert Reach(128, further=None).expansion_for(0.1) == 128


def bands(*least: int) -> TrialSearches:
    """Queries in bands by falling likeness, all of whose nearest are found from an expansion on."""
    first = np.repeat([EXPANSIONS.index(one) for one in least], BAND)
    levels = np.arange(len(EXPANSIONS))[:, None]
    likeness = np.linspace(0.9, 0.1, len(first))
    return TrialSearches(
        np.where(levels >= first, 1.0, 0.5), np.tile(likeness, (len(EXPANSIONS), 1))
    )


def test_bands_of_queries_get_the_expansions_that_they_need() -> None:
    reach = bands(64, 256, 256, 2048).reach(0.99, BAND)
    assert (reach.expansion, reach.recall, reach.promise) == (64, 1.0, 0.99)
    assert reach.further is not None
    assert [one for _, one in reach.further] == [256, 2048]
    assert [limit for limit, _ in reach.further] == pytest.approx([0.7, 0.3], abs=0.01)


def test_a_band_never_gets_less_than_one_that_is_more_like_it() -> None:
    reach = bands(64, 512, 128).reach(0.99, BAND)
    assert reach.further is not None
    assert [one for _, one in reach.further] == [512]


def test_the_first_search_is_the_one_that_spares_the_usual_queries_a_second() -> None:
    assert bands(128, 128, 2048).reach(0.99, 2 * BAND).expansion == 128
    assert bands(128, 2048, 2048).reach(0.99, 3 * BAND).expansion == 64
    assert bands(1024, 1024).reach(0.99, BAND) == Reach(1024, 1.0, 0.99)


def test_where_no_expansion_is_enough_the_best_is_chosen() -> None:
    shares = np.array([0.7, 0.98, 0.991, 0.992, 0.992])
    assert enough(shares, shares, 0.97) == 2
    assert enough(shares, shares, 0.99) == 2
    assert enough(shares, shares, 0.995) == 3


def test_misses_are_spared_by_all_bands_together_and_none_breaks_the_promise() -> None:
    shares = np.array([0.985, 0.991, 0.994, 0.995])
    assert enough(shares, shares, 0.99) == 3
    assert enough(shares, (shares + 0.999) / 2, 0.99) == 1
    assert enough(shares, np.ones(4), 0.99) == 1


# -- real graphs -----------------------------------------------------------------------


@pytest.mark.slow
def test_more_is_visited_for_a_larger_promise(table: Table, graph: Graph) -> None:
    visited = []
    for promise in (0.5, 0.999):
        choose_reach(graph, table, promise)
        assert promise <= graph.reach.recall <= 1
        assert graph.reach.promise == promise
        visited.append(graph.reach.visited(0.0))
    assert visited[0] == EXPANSIONS[0] < visited[1]


@pytest.mark.slow
def test_other_queries_than_those_that_were_measured_find_as_much(
    table: Table, graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose_reach(graph, table, 0.99)
    monkeypatch.setattr(expansion, "SEED", 12)
    for rows in (*queries(table), clustered(200, seed=0), clustered(200, seed=9)):
        assert recall(graph, table, rows) >= 0.98


@pytest.mark.slow
def test_queries_that_lie_as_the_vectors_do_visit_fewer(table: Table, graph: Graph) -> None:
    choose_reach(graph, table, 0.995)
    own, *_, beside = queries(table)
    assert graph.near(beside[0], POOL).likeness < graph.near(own[0], POOL).likeness
    usual, hard = (
        np.mean([graph.reach.visited(graph.near(row, POOL).likeness) for row in rows])
        for rows in (own, beside)
    )
    assert usual < 0.7 * hard


def test_the_likeness_is_about_the_cosine_of_the_tenth(table: Table, graph: Graph) -> None:
    for row in queries(table)[2][:20]:
        near = graph.near(row, 10)
        assert near.likeness == pytest.approx(float((table.rows(near.ids) @ row).min()), abs=0.03)
        assert graph.near(row, 3).likeness > near.likeness


@pytest.mark.slow
def test_a_query_is_searched_again_alone_and_beside_others(table: Table, graph: Graph) -> None:
    rows = queries(table)[-1][:8]
    graph.reach = Reach(2048)
    farther = [graph.near(row, POOL).ids.tolist() for row in rows]
    graph.reach = Reach(64, further=((ABOVE_ALL, 2048),))
    assert [graph.near(row, POOL).ids.tolist() for row in rows] == farther
    likeness = sorted(graph.near(row, POOL).likeness for row in rows)
    graph.reach = Reach(64)
    first = [graph.near(row, POOL) for row in rows]
    limit = float(np.median(likeness))
    graph.reach = Reach(64, further=((limit, 2048),))
    expected = [
        far if near.likeness < limit else near.ids.tolist()
        for far, near in zip(farther, first, strict=True)
    ]
    assert [graph.near(row, POOL).ids.tolist() for row in rows] == expected
    assert expected not in (farther, [near.ids.tolist() for near in first])
    with ThreadPoolExecutor(16) as threads:
        together = list(threads.map(lambda row: graph.near(row, POOL).ids.tolist(), [*rows] * 20))
    assert together == expected * 20


@pytest.mark.slow
def test_a_promise_that_cannot_be_kept_is_said(
    table: Table,
    graph: Graph,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(expansion, "EXPANSIONS", (64,))
    with caplog.at_level(logging.WARNING):
        choose_reach(graph, table, 1.0)
    assert "of the nearest ten, less than 1.000" in caplog.text
    assert (graph.reach.expansion, graph.reach.further) == (64, ())


@pytest.mark.slow
def test_measuring_ends_once_it_may_not_go_on(table: Table, graph: Graph) -> None:
    with pytest.raises(StoreError, match="no longer wanted"):
        measured(graph, table, queries(table)[0], lambda: False)


def test_the_nearest_are_those_of_brute_force(table: Table) -> None:
    rows = queries(table)[-1]
    cosines = np.sort(rows @ table.rows(table.ids).T, axis=1)
    assert np.allclose(nearest(table, rows, 10), cosines[:, -10], atol=1e-5)
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("size", [0, 1, 3, POOL + 1])
def test_few_vectors_can_be_measured(size: int) -> None:
    ids = np.arange(1, size + 1)
    few = Table.empty(4).with_more(ids, clustered(size, dim=4).astype(np.float16))
    graph = Graph.built(few)
    choose_reach(graph, few, 0.99)
    assert graph.reach.recall == 1


@pytest.mark.slow
def test_equal_vectors_can_be_measured() -> None:
    ids = np.arange(1, 201)
    equal = Table.empty(4).with_more(ids, np.ones((200, 4), np.float16))
    graph = Graph.built(equal)
    choose_reach(graph, equal, 0.99)
    assert graph.reach.recall == 1
