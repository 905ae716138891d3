"""Searches by a graph of pgvector: what they find, in which order, and with filters."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mmembed.filters.parse import parse_where
from mmembed.filters.tree import EVERYTHING
from mmembed.store.entries import ImageEntry, Model, Place
from tests.temporary_postgres import postgres_store

pytest.importorskip("psycopg", reason="psycopg is not installed: pip install mmembed[postgres]")

from mmembed.store.postgres import search

pytestmark = pytest.mark.scale
DIM, COUNT, THEMES = 32, 3_000, 30
MODEL = Model("small", "fingerprint-of-small", DIM)


def vectors() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Unit vectors around themes, and the theme of each."""
    generator = np.random.default_rng(2)
    themes = generator.normal(size=(THEMES, DIM))
    theme = generator.integers(0, THEMES, COUNT)
    rows = (themes[theme] + 0.8 * generator.normal(size=(COUNT, DIM))).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True), theme


ROWS, THEME = vectors()
STORED = ROWS.astype(np.float16).astype(np.float32)
STORED /= np.linalg.norm(STORED, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A store with a graph, whose folders are themes."""
    folder = tmp_path_factory.mktemp("files")
    with closing(
        postgres_store(folder, exact_limit=50, enable_seqscan="off", enable_sort="off")
    ) as store:
        store.claim(MODEL)
        entries = [
            ImageEntry(f"/{THEME[n]}/{n}", f"content {n}", row, 1, 1, 1, "PNG", 7)
            for n, row in enumerate(ROWS)
        ]
        for start in range(0, COUNT, 500):
            store.write(entries[start : start + 500])
        store.publish()
        yield store


def queries(count: int = 40) -> NDArray[np.float32]:
    rows = np.random.default_rng(3).normal(size=(count, DIM)).astype(np.float32)
    rows[::2] = 2 * rows[::2] + 6 * ROWS[: len(rows[::2])]
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def numbers(found: Any) -> list[int]:
    return [int(Path(item.path).name) for item, _ in found.hits]


def recall(store: Any, where: Any, passes: NDArray[np.bool_]) -> float:
    """The share of the ten nearest that pass which a search finds."""
    hits = 0
    for query in queries():
        cosines = np.where(passes, STORED @ query, -2)
        tenth = np.sort(cosines)[-10]
        found = store.search(query, 10, where, kind="image")
        hits += int((cosines[numbers(found)] >= tenth - 1e-6).sum())
    return hits / (10 * len(queries()))


def test_a_graph_keeps_its_promise(large: Any) -> None:
    searched = large.searched("image")
    assert searched.expansion >= 64
    [(promise, measured)] = large._rows("SELECT promise, recall FROM graphs")
    assert promise == pytest.approx(0.99)
    assert measured >= 0.99
    assert recall(large, EVERYTHING, np.ones(COUNT, bool)) >= 0.98


def test_a_search_uses_the_graph(large: Any) -> None:
    searched = large.searched("image")
    with large._connections.transaction() as session:
        plan = session.rows(
            f"EXPLAIN SELECT id FROM vectors WHERE {searched.condition} "
            f"ORDER BY {searched.typed} <=> (SELECT embedding FROM vectors LIMIT 1) LIMIT 9"
        )
    assert any("vectors_hnsw_" in str(row[0]) for row in plan), plan


@pytest.mark.parametrize("words", ["folder:/3", "folder:/3,/4,/5", "folder:/1 path~9"])
def test_a_filter_finds_all_that_pass(large: Any, words: str) -> None:
    where = parse_where(words)
    passing = {item.path for item in large.page(after=0, limit=COUNT, kind="image", where=where)}
    passes = np.array([f"/{THEME[n]}/{n}" in passing for n in range(COUNT)])
    assert 0 < passes.sum() < COUNT
    assert recall(large, where, passes) >= 0.98


def test_fewer_are_the_first_of_more_at_any_depth(large: Any) -> None:
    query = queries()[1]
    whole = numbers(large.search(query, 700, kind="image"))
    assert len(set(whole)) == 700
    for count in (1, 10, 49, 50, 51, 199, 200, 201, 450):
        assert numbers(large.search(query, count, kind="image")) == whole[:count]
    pages: list[int] = []
    place = None
    while len(pages) < 600:
        found = large.search(query, 90, kind="image", after=place)
        pages += numbers(found)
        place = Place(found.hits[-1][1], found.hits[-1][0].id, len(pages))
    assert pages == whole[: len(pages)]


def test_a_graph_is_built_once(large: Any) -> None:
    oid = "SELECT oid FROM pg_class WHERE relname LIKE 'vectors_hnsw_%%' AND relkind = 'i'"
    before = large._rows(f"{oid} ORDER BY oid")
    large.publish()
    assert large._rows(f"{oid} ORDER BY oid") == before


def test_a_graph_that_was_not_measured_is_measured_not_built(large: Any) -> None:
    oid = "SELECT oid FROM pg_class WHERE relname LIKE 'vectors_hnsw_%%' AND relkind = 'i'"
    before = large._rows(f"{oid} ORDER BY oid")
    with large._changing() as session:  # as where the process was killed between the two
        session.run("DELETE FROM graphs")
    assert large.searched("image").expansion == 0
    large.publish()
    assert large.searched("image").expansion >= 64
    assert large._rows(f"{oid} ORDER BY oid") == before
    large.rebuild()
    assert large._rows(f"{oid} ORDER BY oid") != before


def test_a_graph_that_an_older_version_measured_is_measured_again(large: Any) -> None:
    with large._changing() as session:
        session.run("UPDATE graphs SET easier = NULL, likeness = NULL, expansion = 96")
    searched = large.searched("image")
    assert (searched.easier, searched.expansion) == (96, 96)
    assert len(numbers(large.search(ROWS[0], 60, kind="image"))) == 60
    large.publish()
    [(easier, expansion)] = large._rows("SELECT easier, expansion FROM graphs")
    assert 64 <= easier <= expansion


def test_a_query_unlike_the_vectors_is_searched_further(
    large: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with large._changing() as session:
        session.run("UPDATE graphs SET easier = 64, expansion = 768, likeness = 0.7")
    asked: list[int] = []
    real = large.head

    def head(searched: Any, query: Any, expansion: int, *rest: Any) -> Any:
        asked.append(expansion)
        return real(searched, query, expansion, *rest)

    monkeypatch.setattr(large, "head", head)
    near, far = ROWS[0], np.ones(DIM, np.float32) / DIM**0.5
    for query, count, expected in (
        (near, 10, [64]),
        (near, 60, [64, 64]),
        (far, 10, [64, 768]),
        (far, 60, [64, 768, 768]),
    ):
        asked.clear()
        large.search(query, count, kind="image")
        assert asked == expected
    large.rebuild()


def test_it_is_remembered_whether_many_items_pass(
    large: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = parse_where("folder:/3")
    large.search(ROWS[0], 10, where, kind="image")
    monkeypatch.setattr(large, "_counts_many", lambda among: pytest.fail("counted again"))
    large.search(ROWS[1], 10, where, kind="image")


def test_a_large_collection_is_sampled_all_over_without_a_look_at_all(
    large: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "SMALL", 100)
    large._samples.clear()
    sample = large.sample("image", 300)
    places = [int(np.argmax(STORED @ row)) for row in sample]
    assert places == sorted(places)
    assert 290 <= len(set(places)) == len(places) <= 300
    assert max(np.diff([0, *places, COUNT])) <= 22
    large._samples.clear()
    assert np.array_equal(large.sample("image", 300), sample)


def test_the_graph_knows_what_came_later(large: Any) -> None:
    row = -queries()[0]
    [item_id] = large.write([ImageEntry("/new", "new", row, 1, 1, 1, "PNG", 7)])
    found = large.search(row, 1, kind="image")
    assert [item.id for item, _ in found.hits] == [item_id]
    large.remove([item_id])
    assert item_id not in [item.id for item, _ in large.search(row, 5, kind="image").hits]
    assert large.check() == []
