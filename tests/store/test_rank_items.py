"""Pages of any size make one list, whatever ties and whatever changes between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmembed.errors import QueryError
from mmembed.store.chunks import ChunkVector
from mmembed.store.entries import Place
from mmembed.store.rank_items import rank_items
from mmembed.types import Item, Ranked


class Shelf:
    """Vectors with scores, and the items that carry them."""

    def __init__(self, scores: Mapping[int, float], items: Mapping[int, Sequence[int]]) -> None:
        self.scores = dict(scores)
        self.items = {key: list(ids) for key, ids in items.items()}
        self.joined = 0
        self.chunks: dict[int, tuple[int, int] | None] = {}
        """The chunks with which items were found."""

    def nearest(self, count: int) -> Ranked:
        order = sorted(self.scores, key=lambda key: (-self.scores[key], key))[:count]
        scores = np.array([self.scores[key] for key in order], dtype=np.float64)
        return Ranked(np.array(order, dtype=np.int64), scores, count >= len(self.scores))

    def items_of(self, vector_ids: Sequence[int]) -> dict[int, list[Item]]:
        self.joined += len(vector_ids)
        vectors = Counter(item for ids in self.items.values() for item in ids)
        return {
            key: [
                Item(item, "image", "", chunk=(key, key + 1) if vectors[item] > 1 else None)
                for item in sorted(self.items[key])
            ]
            for key in vector_ids
            if self.items.get(key)
        }

    def chunks_of(self, item_ids: Sequence[int]) -> dict[int, list[ChunkVector]]:
        """The vectors of items that have several, as chunks at the place of their ids."""
        asked = set(item_ids)
        chunks: dict[int, list[ChunkVector]] = {}
        for key in sorted(self.items):
            for item in asked.intersection(self.items[key]):
                chunks.setdefault(item, []).append(ChunkVector(key, key + 1, key))
        return chunks

    def page(self, k: int, after: Place | None = None) -> tuple[list[int], Place | None]:
        found = rank_items(self.nearest, self.items_of, self.chunks_of, count=k, after=after)
        self.chunks |= {item.id: item.chunk for item, _ in found.hits}
        ids = [item.id for item, _ in found.hits]
        seen = (after.seen if after else 0) + len(ids)
        return ids, None if found.complete else Place(found.hits[-1][1], ids[-1], seen)

    def pages(self, k: int) -> list[list[int]]:
        pages, cursor = [], None
        while True:
            ids, rest = self.page(k, cursor)
            pages.append(ids)
            if rest is None:
                return pages
            cursor = rest

    def everything(self) -> list[int]:
        hits = sorted((-self.scores[key], i) for key, ids in self.items.items() for i in ids)
        return list(dict.fromkeys(item_id for _, item_id in hits))


@st.composite
def shelves(draw: st.DrawFn) -> Shelf:
    """Few scores, so that much ties; some vectors carry many items, some none."""
    count = draw(st.integers(0, 12))
    scores = {key: draw(st.sampled_from([0.9, 0.5, 0.5000001, -0.2])) for key in range(count)}
    numbers = iter(draw(st.permutations(range(100))))
    items = {key: [next(numbers) for _ in range(draw(st.integers(0, 8)))] for key in scores}
    return Shelf(scores, items)


@st.composite
def chunked(draw: st.DrawFn) -> Shelf:
    """Items that have several vectors, and vectors of several items."""
    shelf = draw(shelves())
    for key in shelf.items:
        shelf.items[key] = draw(st.lists(st.integers(0, 9), max_size=4, unique=True))
    return shelf


@pytest.mark.slow
@given(shelf=chunked(), k=st.integers(1, 6))
def test_an_item_comes_once_with_its_best_chunk(shelf: Shelf, k: int) -> None:
    pages = shelf.pages(k)
    assert [item_id for page in pages for item_id in page] == shelf.everything()
    for item, chunk in shelf.chunks.items():
        keys = [key for key in shelf.items if item in shelf.items[key]]
        best = min(keys, key=lambda key: (-shelf.scores[key], key))
        assert chunk == ((best, best + 1) if len(keys) > 1 else None)


@pytest.mark.slow
@given(shelf=shelves() | chunked(), k=st.integers(1, 20))
def test_pages_make_one_list_in_order(shelf: Shelf, k: int) -> None:
    pages = shelf.pages(k)
    assert [item_id for page in pages for item_id in page] == shelf.everything()
    assert all(len(page) == k for page in pages[:-1])


@pytest.mark.slow
@given(shelf=shelves() | chunked(), ks=st.lists(st.integers(1, 5), min_size=1, max_size=40))
def test_pages_of_different_sizes_make_the_same_list(shelf: Shelf, ks: list[int]) -> None:
    ids: list[int] = []
    cursor = None
    for k in ks:
        page, cursor = shelf.page(k, cursor)
        ids += page
        if cursor is None:
            break
    assert ids == shelf.everything()[: len(ids)]


@pytest.mark.slow
@given(shelf=shelves(), k=st.integers(1, 4), data=st.data())
def test_nothing_is_shown_twice_though_the_collection_changes(
    shelf: Shelf, k: int, data: Any
) -> None:
    shown: list[int] = []
    stayed = set(shelf.everything())
    cursor = None
    while True:
        page, cursor = shelf.page(k, cursor)
        shown += page
        if cursor is None:
            break
        if shelf.scores and data.draw(st.booleans()):
            gone = data.draw(st.sampled_from(sorted(shelf.scores)))
            stayed -= set(shelf.items.pop(gone))
            del shelf.scores[gone]
        if data.draw(st.booleans()):
            new = 1000 + len(shown) + len(shelf.items)
            shelf.scores[new] = data.draw(st.sampled_from([0.95, 0.5, -0.9]))
            shelf.items[new] = [new]
    assert len(shown) == len(set(shown))
    assert stayed <= set(shown)


@pytest.mark.slow
def test_a_vector_of_more_items_than_a_page_fills_several() -> None:
    shelf = Shelf({1: 0.9, 2: 0.8, 3: 0.7}, {1: range(500), 2: [1000], 3: range(600, 700)})
    pages = shelf.pages(7)
    assert [i for page in pages for i in page] == [*range(500), 1000, *range(600, 700)]
    assert len(pages) == 86


def test_a_deep_page_does_not_join_what_was_shown_before() -> None:
    shelf = Shelf({key: 1 - key / 1000 for key in range(900)}, {k: [k] for k in range(900)})
    cursor = None
    for _ in range(50):
        _, cursor = shelf.page(10, cursor)
    shelf.joined = 0
    shelf.page(10, cursor)
    assert shelf.joined == 12


def test_an_empty_collection_has_one_empty_page() -> None:
    assert Shelf({}, {}).pages(3) == [[]]


def test_a_full_last_page_has_no_next() -> None:
    assert Shelf({1: 0.5, 2: 0.4}, {1: [1], 2: [2]}).page(2) == ([1, 2], None)


@pytest.mark.parametrize("k", [0, -1])
def test_a_page_holds_something(k: int) -> None:
    with pytest.raises(QueryError, match="at least 1"):
        Shelf({1: 0.5}, {1: [1]}).page(k)


FORGED = 2**32 - 1
"""The most that a cursor can claim to have been seen."""


@pytest.mark.slow
@given(shelf=shelves() | chunked(), k=st.integers(1, 5), seen=st.integers(0, 20) | st.just(FORGED))
def test_a_cursor_may_claim_to_have_seen_anything(shelf: Shelf, k: int, seen: int) -> None:
    ids, cursor = shelf.page(k)
    while cursor is not None:
        page, cursor = shelf.page(k, replace(cursor, seen=seen))
        ids += page
    assert ids == shelf.everything()


def test_a_forged_cursor_joins_no_more_than_a_page() -> None:
    shelf = Shelf({key: 1 - key / 10_000 for key in range(9000)}, {k: [k] for k in range(9000)})
    ids, _ = shelf.page(1, Place(1.0, 0, FORGED))
    assert ids == [1]
    assert shelf.joined == 3
