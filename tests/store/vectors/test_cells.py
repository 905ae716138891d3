"""Cells hold every vector once, and a search reads the nearest of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from mmembed.store.vectors import cell_codes
from mmembed.store.vectors.cells import Cells
from mmembed.store.vectors.clustering import cell_count
from mmembed.store.vectors.reach import ALL, Reach
from mmembed.store.vectors.rescoring import POOL, Ids
from mmembed.store.vectors.table import Table
from tests.store.vectors.clustered import DIM, Vectors, clustered


@pytest.fixture(scope="module")
def table(many: Vectors) -> Table:
    return Table.empty(DIM).with_more(np.arange(1, len(many) + 1), many.astype(np.float16))


@pytest.fixture(scope="module")
def cells(table: Table) -> Cells:
    """All of them are read for each query."""
    return Cells.built(table)


def by_codes(cells: Cells, table: Table, ids: Ids, query: Vectors, count: int) -> set[int]:
    """The nearest by their codes, and those that tie with the last."""
    codes = cells.rotation.codes_of(table.rows(ids)).astype(np.int64)
    scores = codes @ cells.rotation.code_of(query).astype(np.int64)
    return set(ids[scores >= np.sort(scores)[-count]].tolist())


def unit_norm(rows: Any) -> Vectors:
    scaled: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return scaled


def check_whole(cells: Cells, table: Table) -> None:
    """Each vector is in the cell of a centroid that is as near as any."""
    vectors = cells.vectors
    assert np.sort(vectors.ids).tolist() == table.ids.tolist()
    assert (vectors.codes == cells.rotation.codes_of(table.rows(vectors.ids))).all()
    places = np.arange(len(vectors)).reshape(1, -1)
    assert (vectors.owners_at(places)[0] == vectors.of_cell_owners()).all()
    scores = vectors.codes.astype(np.int64) @ cells.centroids.codes.astype(np.int64).T
    own = scores[np.arange(len(vectors)), vectors.of_cell_owners()]
    assert (own == scores.max(axis=1)).all()


def test_each_vector_is_in_the_cell_next_to_it(table: Table, cells: Cells) -> None:
    check_whole(cells, table)
    assert len(cells.centroids) == pytest.approx(cell_count(len(table)), rel=0.2)


@pytest.mark.slow
def test_cells_are_the_same_at_every_run(table: Table, cells: Cells) -> None:
    again = Cells.built(table)
    assert (again.vectors.codes == cells.vectors.codes).all()
    assert (again.centroids.codes == cells.centroids.codes).all()


@pytest.mark.parametrize("count", [1, POOL, 512])
def test_where_all_cells_are_read_the_nearest_by_codes_are_found(
    table: Table, cells: Cells, count: int
) -> None:
    for query in clustered(10, seed=3):
        found = cells.near(query, count).tolist()
        assert len(found) == len(set(found))
        assert set(found) == by_codes(cells, table, table.ids, query, count)


@pytest.mark.parametrize("packed", [0, 10**6])
def test_what_passes_a_filter_is_searched_alone(
    table: Table, cells: Cells, monkeypatch: pytest.MonkeyPatch, packed: int
) -> None:
    monkeypatch.setattr(cell_codes, "PACKED_UP_TO", packed)
    for ids in (table.ids[::3], table.ids[:700], table.ids[:20], table.ids[:0]):
        passing = cells.vectors.passing(np.append(ids, 10**9))
        for query in clustered(5, seed=4):
            found = cells.near(query, POOL, passing).tolist()
            expected = (
                by_codes(cells, table, ids, query, min(POOL, len(ids))) if len(ids) else set()
            )
            assert set(found) == expected


def test_few_cells_are_read_whole_however_far_they_are(
    table: Table, cells: Cells, monkeypatch: pytest.MonkeyPatch
) -> None:
    narrow = Reach(((0.0, 0.01, 1),), (0.01, 1), (ALL, ALL))
    monkeypatch.setattr(cells, "reach", narrow)
    owners = cells.vectors.of_cell_owners()
    ids = np.sort(cells.vectors.ids[np.isin(owners, np.unique(owners)[::2])])
    queries = unit_norm(np.random.default_rng(4).normal(size=(20, DIM)))

    def missed() -> int:
        passing = cells.vectors.passing(ids)
        found = (set(cells.near(query, 10, passing).tolist()) for query in queries)
        right = (by_codes(cells, table, ids, query, 10) for query in queries)
        return sum(len(one - other) for one, other in zip(right, found, strict=True))

    assert missed() == 0
    monkeypatch.setattr(cell_codes, "IN_CELLS", 0)
    assert missed() > 0


@pytest.mark.slow
@pytest.mark.parametrize("left_out", [0.0, 0.9, 0.99])
def test_queries_in_directions_that_lead_nowhere_find_the_nearest_too(left_out: float) -> None:
    """As texts lie beside images: mostly in directions that the leading numbers leave out."""
    dim, random = 192, np.random.default_rng(8)
    spread = np.arange(1, dim + 1) ** -0.5
    rows = unit_norm(clustered(6000, dim=dim) * spread)
    table = Table.empty(dim).with_more(np.arange(1, 6001), rows.astype(np.float16))
    cells = Cells.built(table)
    assert cells.rotation.lead < dim
    within = unit_norm(clustered(20, seed=9, dim=dim) * spread)
    narrow = unit_norm(random.normal(size=(20, dim)) / spread)
    hits = 0
    for query in unit_norm((1 - left_out) * within + left_out * narrow):
        expected = table.rows(table.ids) @ query
        nearest = set(table.ids[np.argsort(-expected)[:10]].tolist())
        hits += len(nearest & set(cells.near(query, POOL).tolist()))
    assert hits >= 198


@pytest.mark.slow
def test_cells_grow_and_lose_what_was_removed(many: Vectors) -> None:
    ids = np.arange(1, 2001)
    table = Table.empty(DIM).with_more(ids, many[:2000].astype(np.float16))
    former = Cells.built(table)
    table = table.without(ids[::7]).with_more(ids + 2000, many[2000:4000].astype(np.float16))
    grown = Cells.built(table, former)
    assert grown.centroids is former.centroids
    assert (grown.covers, grown.clustered, len(grown)) == (4000, 2000, len(table))
    check_whole(grown, table)
    again = Cells.built(table, grown)
    assert again.vectors is grown.vectors
    assert not grown.outgrown_by(4000)
    assert grown.outgrown_by(4001)
    assert grown.outgrown_by(999)


@pytest.mark.slow
def test_many_callers_get_what_one_gets(table: Table) -> None:
    cells = Cells.built(table)
    cells.reach = Reach(((-1.0, 0.1, 40),))
    rows = clustered(8, seed=6)
    alone = [sorted(cells.near(row, POOL).tolist()) for row in rows]
    with ThreadPoolExecutor(16) as threads:
        together = threads.map(lambda row: sorted(cells.near(row, POOL).tolist()), [*rows] * 20)
        assert list(together) == alone * 20


def test_few_vectors_are_one_cell_and_equal_ones_too() -> None:
    assert [cell_count(vectors) for vectors in (0, 1, 40, 10_000, 10**6)] == [1, 1, 2, 200, 2000]
    equal = Table.empty(4).with_more(np.arange(1, 101), np.ones((100, 4), np.float16))
    cells = Cells.built(equal)
    assert len(cells.centroids) == 1
    assert cells.near(np.full(4, 0.5, np.float32), 10).tolist() == list(range(1, 41))  # all tie
    assert len(Cells.built(Table.empty(4)).near(np.ones(4, np.float32), 10)) == 0
