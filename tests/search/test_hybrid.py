"""Searches by words and by words, captions and pictures together, page by page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mmembed.filters.tree import EVERYTHING, Where
from mmembed.filters.tree import Test as Condition
from mmembed.search import query_by_words
from mmembed.search.fusion import EXACT, WORDS
from mmembed.search.hybrid import FusedPage, Hybrid, Order
from mmembed.store.entries import CaptionEntry, ImageEntry, Model
from mmembed.store.protocol import Store
from mmembed.types import Item
from tests.contracts.memory_store import MemoryStore
from tests.search.queries import by_words

QUERY = np.array((1, 0, 0, 0), np.float32)
IMAGES = 40


def vector(number: int) -> NDArray[np.float32]:
    chance = np.random.default_rng(number)
    row = chance.normal(size=4).astype(np.float32)
    return np.asarray(row / np.linalg.norm(row), np.float32)


def entry(number: int, *, caption: str | None = None, tags: tuple[str, ...] = ()) -> ImageEntry:
    captions = () if caption is None else (CaptionEntry(caption, vector(1000 + number)),)
    return ImageEntry(
        f"/p/{number}.jpg", f"sha {number}", vector(number), 4, 3, 99, "JPEG", 7,
        captions=captions, tags=tags,
    )  # fmt: skip


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Forty images, a third of which have captions; the pool holds five of each part."""
    monkeypatch.setattr(query_by_words, "POOL", 5)
    monkeypatch.setattr(query_by_words, "NEAREST", 5)
    memory = MemoryStore(tmp_path)
    memory.claim(Model("four", "fingerprint", 4))
    memory.write(
        [
            entry(
                number,
                caption=f"a dog number{number}" if number % 3 == 0 else None,
                tags=("cat",) if number % 5 == 1 else (),
            )
            for number in range(IMAGES)
        ]
    )
    return memory


@pytest.fixture
def search(store: Store) -> Callable[..., Hybrid]:
    def make(text: str, where: Where = EVERYTHING, *, words_only: bool = False) -> Hybrid:
        return by_words(store, text, QUERY, where=where, words_only=words_only)

    return make


def pages(query: Hybrid, count: int, between: Callable[[], object] = lambda: None) -> list[int]:
    found: list[int] = []
    order: Order | None = None
    while True:
        page: FusedPage = query.page(count, order)
        found += [item.id for item in page.items]
        order = page.rest
        if order.is_over:
            return found
        assert len(page.items) == count
        between()


@pytest.mark.slow
@pytest.mark.parametrize("number", range(0, IMAGES, 3))
def test_an_image_that_alone_has_all_words_comes_first(
    search: Callable[..., Hybrid], store: Store, number: int
) -> None:
    items = {item.path: item.id for item in store.page(after=0, limit=99, kind="image")}
    for text in (f"number{number}", f"Dog Number{number}", f"{number} number{number}"):
        assert pages(search(text), 10)[0] == items[f"/p/{number}.jpg"]
        assert search(text).page(1, None).evidence[0][0].by == "words"


def test_words_that_many_images_have_put_none_of_them_first(
    search: Callable[..., Hybrid], monkeypatch: pytest.MonkeyPatch
) -> None:
    few = pages(search("dog"), 1000)
    monkeypatch.setattr("mmembed.search.fusion.FEW", 2)
    many = pages(search("dog"), 1000)
    monkeypatch.setattr("mmembed.search.fusion.EXACT", 0.0)
    assert many == pages(search("dog"), 1000) != few


@pytest.mark.slow
@pytest.mark.parametrize("text", ["dog", "cat", "number9", "nothing of it", "a dog cat"])
def test_pages_of_any_size_hold_every_image_once(
    search: Callable[..., Hybrid], store: Store, text: str
) -> None:
    images = [item.id for item in store.page(after=0, limit=99, kind="image")]
    whole = pages(search(text), 1000)
    assert sorted(whole) == images
    for count in (1, 3, 7, 20, 39):
        assert pages(search(text), count) == whole


def test_behind_the_pool_the_pictures_go_on(search: Callable[..., Hybrid], store: Store) -> None:
    whole = pages(search("number9"), 10)
    ranked = [item.id for item, _ in store.search(QUERY, 99, kind="image").hits]
    first = search("number9").page(10, None)
    pool = set(first.rest.item_ids)
    assert whole[len(pool) :] == [item_id for item_id in ranked if item_id not in pool]


def test_words_that_match_are_evidence(search: Callable[..., Hybrid]) -> None:
    page = search("number9").page(15, None)
    captions = [item.caption for item in page.items]
    place = captions.index("a dog number9")
    assert place < [caption is not None for caption in captions].index(True) + 2
    [words] = [part for part in page.evidence[place] if part.by == "words"]
    assert (words.words, words.points) == (("number9",), WORDS * (1 + EXACT))
    assert all(part.points > 0 for parts in page.evidence for part in parts)
    assert page.cosines[place] == pytest.approx(float(vector(9)[0]), abs=2e-3)


def test_words_alone_find_what_matches_and_no_more(search: Callable[..., Hybrid]) -> None:
    found = pages(search("cat", words_only=True), 3)
    assert len(found) == len(set(found)) == 8
    page = search("cat", words_only=True).page(3, None)
    assert {part.by for parts in page.evidence for part in parts} == {"words"}
    assert pages(search("elephant", words_only=True), 3) == []


def test_a_filter_holds_for_every_part(search: Callable[..., Hybrid], store: Store) -> None:
    where = Condition("tag", "=", "cat")
    passing = [item.id for item in store.page(after=0, limit=99, kind="image", where=where)]
    assert sorted(pages(search("dog number9", where), 3)) == passing


@pytest.mark.slow
def test_later_pages_keep_the_order_of_the_first(
    search: Callable[..., Hybrid], store: Store
) -> None:
    whole = pages(search("dog"), 4)
    ids = iter(whole)
    numbers = iter(range(100, 200))

    def change() -> None:
        shown = next(ids)
        store.update(shown, tags=["dog", "other"])
        store.write([entry(next(numbers), caption="dog dog dog")])

    found = pages(search("dog"), 4, change)
    assert [item_id for item_id in found if item_id in whole] == whole
    assert len(found) == len(set(found))


def test_removed_images_are_left_out_and_the_page_is_full(
    search: Callable[..., Hybrid], store: Store
) -> None:
    whole = pages(search("dog"), 4)
    first = search("dog").page(4, None)
    store.remove([whole[5], whole[6]])
    second = search("dog").page(4, first.rest)
    assert [item.id for item in second.items] == [whole[4], *whole[7:10]]


def test_without_captions_and_words_the_pictures_alone_are_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = MemoryStore(tmp_path)
    memory.claim(Model("four", "fingerprint", 4))
    memory.write([entry(number, tags=("cat",) if number % 2 else ()) for number in range(IMAGES)])
    nearest = memory.search(QUERY, IMAGES, kind="image").hits
    query, by_pool = by_words(memory, "dog", QUERY), by_words(memory, "cat", QUERY)
    assert pages(query, 7) == [item.id for item, _ in nearest]
    assert pages(by_pool, 7) != [item.id for item, _ in nearest]
    known = {"caption": query_by_words.NOTHING}  # of images nothing is asked
    monkeypatch.setattr(memory, "nearest_images", lambda *_, by, **__: known[by])
    page = query.page(5, None)
    assert [one.by for evidence in page.evidence for one in evidence] == ["picture"] * 5
    assert page.cosines == tuple(cosine for _, cosine in nearest[:5])


@pytest.mark.parametrize("words_only", [False, True])
def test_images_that_pass_no_longer_are_on_no_later_page(
    search: Callable[..., Hybrid], store: Store, words_only: bool
) -> None:
    query = search("dog", Condition("tag", "!=", "private"), words_only=words_only)
    whole = pages(query, 4)
    first = query.page(4, None)
    store.update(whole[5], tags=["private"])
    second = query.page(4, first.rest)
    assert [item.id for item in second.items] == [whole[4], *whole[6:9]]


def test_an_image_that_another_thread_removes_meanwhile_is_left_out(
    search: Callable[..., Hybrid], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, items = pages(search("dog"), 4), store.items

    def meanwhile(item_ids: Sequence[int], where: Where = EVERYTHING) -> list[Item]:
        found = items(item_ids, where)
        if len(item_ids) == 3:  # those of the page
            monkeypatch.setattr(store, "items", items)
            store.remove([whole[1]])
        return found

    monkeypatch.setattr(store, "items", meanwhile)
    page = search("dog").page(3, None)
    assert [item.id for item in page.items] == [whole[0], whole[2]]
    assert len(page.cosines) == len(page.evidence) == 2


def test_an_empty_store_has_nothing(tmp_path: Path) -> None:
    empty = MemoryStore(tmp_path)
    page = by_words(empty, "dog", QUERY).page(5, None)
    assert (page.items, page.rest.is_over) == ((), True)
