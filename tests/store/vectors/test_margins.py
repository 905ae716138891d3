"""Cells are read as far around each query as it needs, and no farther."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest

from mmembed.errors import StoreError
from mmembed.store.vectors import cell_search, margins
from mmembed.store.vectors.cells import Cells
from mmembed.store.vectors.margins import (
    ATTEMPTS,
    QUERIES,
    TURNS,
    choose_reach,
    found,
    queries,
)
from mmembed.store.vectors.reach import ALL, EVERYTHING, Reach, Usual
from mmembed.store.vectors.rescoring import POOL
from mmembed.store.vectors.table import Table
from mmembed.store.vectors.trials import BAND, Trials, banded, nearest, tried
from tests.store.vectors.clustered import DIM, Vectors, clustered


@pytest.fixture(scope="module")
def table(many: Vectors) -> Table:
    ids = np.arange(1, len(many) + 1)
    return Table.empty(DIM).with_more(ids, many.astype(np.float16)).without(ids[::50])


@pytest.fixture(scope="module")
def cells(table: Table) -> Cells:
    return Cells.built(table)


def recall(cells: Cells, table: Table, rows: Vectors) -> float:
    """The share of the nearest ten that cells find, as they are set."""
    asked = tried(cells, table, [rows], lambda: True)
    return float(found(cells, table, asked, np.arange(len(rows)), lambda: True).mean())


# -- what is chosen --------------------------------------------------------------------

WIDE, BESIDE = Usual(0.0, 0.2), Usual(0.0, 0.05)


def test_the_floor_is_below_the_tenth_by_the_margin_of_its_likeness() -> None:
    reach = Reach(((0.8, 0.1, 5), (0.5, 0.5, 9), (0.3, 0.2, 7)), (0.9, 20), spread=0.2)
    assert reach.limits(0.9, WIDE) == pytest.approx((0.81, 5))
    assert reach.limits(0.8, Usual(0.4, 0.2)) == pytest.approx((0.76, 5))
    assert reach.limits(0.7, WIDE) == pytest.approx((0.35, 9))
    assert reach.limits(0.1, WIDE) == pytest.approx((0.08, 7))
    assert reach.limits(-np.inf, WIDE)[0] < EVERYTHING
    assert reach.limits(0.4, BESIDE) == pytest.approx((0.04, 20))
    assert Reach().limits(0.9, WIDE) == (EVERYTHING, ALL)


def test_the_floor_never_falls_while_more_is_found() -> None:
    reach = Reach(((0.8, 0.9, 5), (0.5, 0.1, 5), (0.3, 0.7, 5)), (0.5, 5), spread=0.2)
    floors = [reach.limits(likeness, WIDE)[0] for likeness in np.linspace(-0.5, 1, 200)]
    assert (np.diff(floors) >= 0).all()


def trials(margins: Vectors, ranks: list[int], beside: list[int], needed: float = 0.0) -> Trials:
    """Queries in bands by falling likeness, and how far each has to read for all. The likeness of
    100 centroids falls from theirs to 0."""
    count = len(margins)
    limits = np.linspace(0.9, 0.1, count).astype(np.float32)
    narrow = np.isin(np.arange(count), beside)
    ranks_of = np.repeat(np.array(ranks, np.int64)[:, None], 10, axis=1)
    codes = np.full(margins.shape, needed, np.float32)
    likeness = limits[:, None] * np.linspace(1, 0, 100, dtype=np.float32)
    bands = banded(limits, narrow)
    rows = limits[:, None]
    return Trials(
        rows, limits, margins, ranks_of, codes, likeness, np.zeros(count), bands, spread=0.2
    )


def test_each_band_gets_the_margin_and_the_cells_that_it_needs() -> None:
    margins = np.tile(np.linspace(0.1, 0.2, 10), (3 * BAND, 1)).astype(np.float32)
    margins[BAND : 2 * BAND] += 0.3
    ranks = [4] * BAND + [8] * BAND + [16] * BAND
    beside = list(range(2 * BAND, 3 * BAND))
    found = trials(margins, ranks, beside, needed=2.5).reach(0.85, 0.99)
    (first, near, few), (last, far, many) = found.bands
    assert (first, last) == pytest.approx(
        (0.9 - 0.8 * (BAND - 1) / (3 * BAND - 1), 0.368), abs=0.01
    )
    assert (near, far, few, many) == pytest.approx((0.2, 0.5, 4, 8), abs=0.001)
    assert found.beside == pytest.approx((0.2, 16), abs=0.001)
    assert found.surely == pytest.approx((2.5, 2.5))
    assert found.promise == 0.99
    less = trials(margins, ranks, beside=[]).reach(0.65, 0.99)
    assert less.bands[0][1] == pytest.approx(0.189, abs=0.001)
    assert less.beside == less.bands[-1][1:]


def test_vectors_that_are_missed_for_one_reason_need_not_be_found_for_another() -> None:
    """One query in twenty needs more cells and a larger margin. Filters have the margin alone."""
    margins = np.full((BAND, 10), 0.1, np.float32)
    ranks = [4] * BAND
    margins[::20], ranks[::20] = 0.5, [50] * len(ranks[::20])
    for share, margin, most in ((0.94, 0.5, 4), (0.99, 0.5, 50)):
        [band] = trials(margins, ranks, beside=[]).reach(share, 0.99).bands
        assert band[1:] == pytest.approx((margin, most))


# -- real cells ------------------------------------------------------------------------


@pytest.mark.slow
def test_more_is_read_for_a_larger_promise(table: Table, cells: Cells) -> None:
    floors = []
    for promise in (0.5, 0.999):
        choose_reach(cells, table, promise)
        assert promise <= cells.reach.recall <= 1
        assert cells.reach.promise == promise
        floors.append(cells.reach.limits(0.5, Usual(0.0, cells.reach.spread))[0])
    assert floors[0] > floors[1]


@pytest.mark.slow
def test_other_queries_than_those_that_were_measured_find_as_much(
    table: Table, cells: Cells, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose_reach(cells, table, 0.99)
    monkeypatch.setattr(margins, "SEED", 12)
    for rows in (*queries(table), clustered(200, seed=0), clustered(200, seed=9)):
        assert recall(cells, table, rows) >= 0.98


@pytest.mark.slow
def test_queries_that_lie_as_the_vectors_do_read_fewer(
    table: Table, cells: Cells, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose_reach(cells, table, 0.99)
    read = [0]
    real = cell_search.CellSearch._read

    def counting(self: cell_search.CellSearch, numbers: cell_search.Numbers) -> None:
        read[0] += len(numbers)
        real(self, numbers)

    monkeypatch.setattr(cell_search.CellSearch, "_read", counting)
    counts = []
    for rows in (queries(table)[0], queries(table)[-1]):
        read[0] = 0
        for row in rows:
            cells.near(row, POOL)
        counts.append(read[0])
    assert counts[0] < 0.5 * counts[1]


@pytest.mark.slow
def test_a_promise_that_cannot_be_kept_is_said(
    table: Table,
    cells: Cells,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(Trials, "reach", lambda *_: Reach(((0.0, 0.0, 1),)))
    with caplog.at_level(logging.WARNING):
        choose_reach(cells, table, 1.0)
    assert "of the nearest ten, less than 1.000" in caplog.text
    assert cells.reach.recall < 1


@pytest.mark.slow
def test_measuring_ends_once_it_may_not_go_on(table: Table, cells: Cells) -> None:
    with pytest.raises(StoreError, match="no longer wanted"):
        choose_reach(cells, table, 0.99, lambda: False)


def test_the_nearest_are_those_of_brute_force(table: Table, cells: Cells) -> None:
    rows = queries(table)[-1]
    places, cosines = nearest(cells, table, rows, 10)
    every = rows @ table.rows(table.ids).T
    assert np.allclose(np.sort(cosines, axis=1), np.sort(every, axis=1)[:, -10:], atol=1e-5)
    for row, own, cosine in zip(rows, cells.vectors.ids[places], cosines, strict=True):
        assert np.allclose(table.rows(own) @ row, cosine, atol=1e-5)
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


@pytest.mark.slow
def test_measuring_reads_few_codes_of_all_queries(
    table: Table, cells: Cells, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each trial search is bounded, and there are few: ten million vectors are measured so, too."""
    searched, whole = [0], [0]
    run, products = cell_search.CellSearch.run, cell_search.products

    def counting(self: cell_search.CellSearch, *rest: Any) -> Any:
        searched[0] += 1
        return run(self, *rest)

    def measuring(codes: Any, code: Any) -> Any:
        whole[0] = max(whole[0], len(codes))
        return products(codes, code)

    monkeypatch.setattr(cell_search.CellSearch, "run", counting)
    monkeypatch.setattr(cell_search, "products", measuring)
    monkeypatch.setattr(cell_search, "MOST_SURVIVING", 700)
    choose_reach(cells, table, 0.99)
    assert searched[0] <= len(ATTEMPTS) * (len(TURNS) + 1) * (QUERIES / 2 + 2)
    assert 0 < whole[0] <= 800  # some tie with the last


@pytest.mark.parametrize("size", [0, 1, 3, POOL + 1])
def test_few_vectors_can_be_measured(size: int) -> None:
    ids = np.arange(1, size + 1)
    few = Table.empty(4).with_more(ids, clustered(size, dim=4).astype(np.float16))
    cells = Cells.built(few)
    choose_reach(cells, few, 0.99)
    assert cells.reach.recall == 1


@pytest.mark.slow
def test_equal_vectors_can_be_measured() -> None:
    ids = np.arange(1, 201)
    equal = Table.empty(4).with_more(ids, np.ones((200, 4), np.float16))
    cells = Cells.built(equal)
    choose_reach(cells, equal, 0.99)
    assert cells.reach.recall == 1
