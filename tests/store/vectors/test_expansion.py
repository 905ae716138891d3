"""A graph is searched as far as its own vectors need, and no further."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from mmembed.store.vectors import expansion
from mmembed.store.vectors.expansion import EXPANSIONS, choose_expansion, nearest, queries, share
from mmembed.store.vectors.hnsw import Graph
from mmembed.store.vectors.table import Table
from tests.store.vectors.clustered import DIM, Vectors


@pytest.fixture(scope="module")
def table(many: Vectors) -> Table:
    ids = np.arange(1, len(many) + 1)
    return Table.empty(DIM).with_more(ids, many.astype(np.float16)).without(ids[::50])


@pytest.fixture
def graph(table: Table) -> Graph:
    return Graph.built(table)


@pytest.mark.slow
def test_the_least_expansion_that_keeps_the_promise_is_chosen(table: Table, graph: Graph) -> None:
    met = []
    for promise in (0.5, 0.999):
        choose_expansion(graph, table, promise)
        assert promise <= graph.reach.recall <= 1
        assert graph.reach.promise == promise
        met.append(graph.reach.expansion)
    assert met[0] == EXPANSIONS[0] < met[1]


@pytest.mark.slow
def test_other_queries_than_those_that_were_measured_find_as_much(
    table: Table, graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose_expansion(graph, table, 0.99)
    monkeypatch.setattr(expansion, "SEED", 12)
    for rows in queries(table):
        assert share(graph, table, rows, nearest(table, rows, 10)) >= 0.98


@pytest.mark.slow
def test_a_promise_that_cannot_be_kept_is_said(
    table: Table,
    graph: Graph,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(expansion, "EXPANSIONS", (64,))
    with caplog.at_level(logging.WARNING):
        choose_expansion(graph, table, 1.0)
    assert "of the nearest ten, less than 1.000" in caplog.text
    assert graph.reach.expansion == 64


def test_where_none_has_misses_to_spare_the_least_that_keeps_the_promise_is_chosen(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(expansion, "EXPANSIONS", (64, 96, 128))
    found = {64: 0.98, 96: 0.991, 128: 0.992}
    monkeypatch.setattr(expansion, "share", lambda graph, *_: found[graph.reach.expansion])
    ids = np.arange(1, 101)
    rows = np.random.default_rng(0).normal(size=(100, DIM)).astype(np.float16)
    some = Table.empty(DIM).with_more(ids, rows)
    graph = Graph.built(some)
    choose_expansion(graph, some, 0.99)
    assert (graph.reach.expansion, graph.reach.recall) == (96, 0.991)
    assert "less than" not in caplog.text


def test_the_nearest_are_those_of_brute_force(table: Table) -> None:
    rows = queries(table)[1]
    cosines = np.sort(rows @ table.rows(table.ids).T, axis=1)
    assert np.allclose(nearest(table, rows, 10), cosines[:, -10], atol=1e-5)
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("size", [0, 1, 3])
def test_few_vectors_can_be_measured(size: int) -> None:
    ids = np.arange(1, size + 1)
    few = Table.empty(4).with_more(ids, np.eye(4, dtype=np.float16)[:size])
    graph = Graph.built(few)
    choose_expansion(graph, few, 0.99)
    assert graph.reach.recall == 1
