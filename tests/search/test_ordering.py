"""Each strategy's order is the one that a look at all vectors gives, whatever the page's size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from mmembed.errors import QueryError
from mmembed.search import ordering
from mmembed.search.composition import Composition, backgrounds
from mmembed.search.ordering import AGAINST, NEAR, Page, order, unit_rows
from mmembed.store.entries import Found, Place
from mmembed.types import Embeddings, Item, Strategy

TERMS = unit_rows(np.random.default_rng(2).normal(size=(4, 6)).astype(np.float32))


class Shelf:
    """Vectors of items, by id."""

    def __init__(self, count: int) -> None:
        made = np.random.default_rng(3).normal(size=(count, 6)).astype(np.float16)
        made[5::7] = made[0]  # ties
        self.rows = dict(enumerate(made, 1))
        self.searched = 0

    def nearest(self, vector: NDArray[np.float32], count: int, after: Place | None) -> Found:
        assert np.linalg.norm(vector) == pytest.approx(1)
        ids, rows = self.vectors_of(list(self.rows))
        scores = np.round(unit_rows(rows).astype(np.float64) @ vector, 6).tolist()
        hits = sorted(zip(scores, ids, strict=True), key=lambda hit: (-hit[0], hit[1]))
        hits = [hit for hit in hits if after is None or after.precedes(*hit)]
        self.searched += count
        found = tuple((Item(item_id, "image", ""), score) for score, item_id in hits[:count])
        return Found(found, complete=len(hits) <= count)

    def vectors_of(self, ids: Sequence[int]) -> tuple[list[int], NDArray[np.float16]]:
        present = [one for one in ids if one in self.rows]
        rows = [self.rows[one] for one in present]
        return present, np.stack(rows) if rows else np.empty((0, 6), np.float16)

    def sample(self) -> Embeddings:
        return unit_rows(self.vectors_of(list(self.rows))[1])

    def page(
        self, composition: Composition, strategy: Strategy, count: int, after: Place | None = None
    ) -> Page:
        return order(
            composition, strategy,
            nearest=self.nearest, vectors_of=self.vectors_of, chunks_of=self.chunks_of,
            count=count, after=after,
        )  # fmt: skip

    def chunks_of(self, ids: Sequence[int]) -> tuple[list[int], NDArray[np.float16]]:
        return self.vectors_of(ids)


class ChunkShelf(Shelf):
    """Items with up to three vectors, of which the nearest ranks."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        made = np.random.default_rng(7).normal(size=(count, 2, 6)).astype(np.float16)
        self.more = {item_id: made[item_id - 1][: item_id % 3] for item_id in self.rows}

    def chunks_of(self, ids: Sequence[int]) -> tuple[list[int], NDArray[np.float16]]:
        pairs = [(one, row) for one in ids for row in (self.rows[one], *self.more[one])]
        return [one for one, _ in pairs], np.stack([row for _, row in pairs])

    def vectors_of(self, ids: Sequence[int]) -> tuple[list[int], NDArray[np.float16]]:
        means = [np.mean([self.rows[one], *self.more[one]], axis=0) for one in ids]
        return list(ids), np.stack(means)

    def nearest(self, vector: NDArray[np.float32], count: int, after: Place | None) -> Found:
        ids, rows = self.chunks_of(list(self.rows))
        best: dict[int, float] = {}
        for one, score in zip(ids, (unit_rows(rows).astype(np.float64) @ vector), strict=True):
            best[one] = max(best.get(one, -1.0), round(float(score), 6))
        hits = sorted(best.items(), key=lambda hit: (-hit[1], hit[0]))
        found = tuple((Item(one, "caption", "", chunk=(0, 1)), score) for one, score in hits)
        return Found(found[:count], complete=count >= len(found))


def composed(shelf: Shelf, *weights: float) -> Composition:
    rows = TERMS[: len(weights)]
    return Composition(rows, weights, backgrounds(rows, shelf.sample()))


def expected(shelf: Shelf, composition: Composition, strategy: Strategy) -> list[int]:
    """By the definition, over all vectors."""
    standard = composition.standardised(shelf.sample())
    weights = np.array(composition.weights)
    kept, values, digits = np.ones(len(standard), bool), standard @ weights, 4
    if strategy != "sum":
        against = -AGAINST * weights[weights < 0]
        near = standard[:, weights < 0] * (1 if strategy == "exclude" else against)
        nearest = near.max(axis=1, initial=-np.inf)
        towards = standard[:, weights > 0] * weights[weights > 0]
        kept, values = nearest <= NEAR, towards.sum(axis=1)
    if strategy == "best":
        best = towards.max(axis=1)
        kept, values = kept | True, np.where(best > nearest, best, -1e6 - nearest)
        digits = 6
    ids = np.array(list(shelf.rows))[kept]
    return [int(one) for one in ids[np.lexsort((ids, -values[kept].round(digits)))]]


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["sum", "best", "exclude"])
@pytest.mark.parametrize("weights", [(1, -0.5), (1, 2), (1, 1, -1), (1, 0.5, -0.7, -1)])
def test_pages_join_to_the_order_by_definition(
    strategy: Strategy, weights: tuple[float, ...]
) -> None:
    shelf = Shelf(120)
    composition = composed(shelf, *weights)
    for count in (1, 7, 50, 200):
        ids: list[int] = []
        after = None
        while True:
            page = shelf.page(composition, strategy, count, after)
            assert page.end is None or len(page.items) == count
            ids += [item.id for item in page.items]
            after = page.end
            if after is None:
                break
        assert ids == expected(shelf, composition, strategy)


def test_one_positive_term_ranks_by_its_cosine() -> None:
    shelf = Shelf(40)
    pages = [shelf.page(composed(shelf, 2.0), one, 40) for one in ("sum", "best", "exclude")]
    assert pages[0] == pages[1] == pages[2]
    assert [item.id for item in pages[0].items] == [
        item.id for item, _ in shelf.nearest(TERMS[0], 40, None).hits
    ]


@pytest.mark.parametrize("strategy", ["best", "exclude"])
def test_without_a_positive_term_there_is_no_best(strategy: Strategy) -> None:
    shelf = Shelf(10)
    with pytest.raises(QueryError, match=f"strategy: {strategy} needs a term of positive weight"):
        shelf.page(composed(shelf, -1.0), strategy, 5)


@pytest.mark.parametrize("strategy", ["sum", "best", "exclude"])
def test_a_page_goes_on_whatever_comes_and_goes(strategy: Strategy) -> None:
    shelf = Shelf(60)
    composition = composed(shelf, 1, 1, -1)
    whole = [item.id for item in shelf.page(composition, strategy, 60).items]
    first = shelf.page(composition, strategy, 10)
    assert first.end is not None
    for gone in whole[5:20]:
        del shelf.rows[gone]
    shelf.rows |= {1000 + number: TERMS[number % 2].astype(np.float16) for number in range(30)}
    rest = shelf.page(composition, strategy, 50, replace(first.end, newest=60))
    assert [item.id for item in rest.items] == whole[20:]


@pytest.mark.parametrize("strategy", ["best", "exclude"])
def test_no_query_reads_a_large_collection(
    monkeypatch: pytest.MonkeyPatch, strategy: Strategy
) -> None:
    monkeypatch.setattr(ordering, "DEPTH", 50)
    shelf = Shelf(2000)
    rows = TERMS[[0, 0]]
    against_itself = Composition(rows, (1.0, -2.0), backgrounds(rows, shelf.sample()))
    page = shelf.page(against_itself, strategy, 20)
    assert page.end is None or len(page.items) == 20
    assert shelf.searched <= 500


def test_an_empty_collection_has_an_empty_page() -> None:
    shelf = Shelf(1)
    composition = composed(shelf, 1, -1)
    shelf.rows.clear()
    for strategy in ("sum", "best", "exclude"):
        assert shelf.page(composition, strategy, 5) == Page((), (), None)


@pytest.mark.slow
@pytest.mark.parametrize("weights", [(1, 1), (1, 0.5, -0.7)])
def test_items_in_chunks_come_once_and_in_one_order(weights: tuple[float, ...]) -> None:
    shelf = ChunkShelf(80)
    composition = composed(shelf, *weights)
    whole = [item.id for item in shelf.page(composition, "best", 80).items]
    assert sorted(whole) == sorted(shelf.rows)
    for count in (1, 3, 10):
        ids: list[int] = []
        after = None
        while True:
            page = shelf.page(composition, "best", count, after)
            ids += [item.id for item in page.items]
            after = page.end
            if after is None:
                break
        assert ids == whole
