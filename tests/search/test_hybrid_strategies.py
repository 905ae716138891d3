"""Negative terms and strategies in searches by words, captions and pictures together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mmembed.filters.tree import EVERYTHING, Where
from mmembed.filters.tree import Test as Condition
from mmembed.search import query_by_words
from mmembed.search.hybrid import Hybrid
from mmembed.store.entries import CaptionEntry, ImageEntry, Model
from mmembed.store.protocol import Store
from mmembed.types import STRATEGIES, Strategy, Term
from tests.contracts.memory_store import MemoryStore
from tests.search.queries import by_terms

IMAGES = 24
DOG, GRASS, BOAT = np.eye(6, dtype=np.float32)[:3]
WITHOUT_GRASS = Term(text="dog"), Term(text="grass", weight=-0.5)
DOG_OR_BOAT = Term(text="dog"), Term(text="boat"), Term(text="grass", weight=-0.5)
CAPTIONS = {3: "a dog on the grass", 4: "a dog on a beach", 5: "a boat", 6: "a boat on grass"}


def vector(number: int) -> NDArray[np.float32]:
    row = np.random.default_rng(number).normal(size=6).astype(np.float32)
    return np.asarray(row / np.linalg.norm(row), np.float32)


def entry(number: int, caption: str | None = None, tags: tuple[str, ...] = ()) -> ImageEntry:
    captions = () if caption is None else (CaptionEntry(caption, vector(1000 + number)),)
    return ImageEntry(
        f"/p/{number}.jpg", f"sha {number}", vector(number), 4, 3, 99, "JPEG", 7,
        captions=captions, tags=tags,
    )  # fmt: skip


def filled(folder: Path, entries: Sequence[ImageEntry]) -> Store:
    memory = MemoryStore(folder)
    memory.claim(Model("six", "fingerprint", 6))
    memory.write(entries)
    return memory


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Two dozen images, of which four have captions; few of them come first."""
    monkeypatch.setattr(query_by_words, "POOL", 5)
    monkeypatch.setattr(query_by_words, "NEAREST", 5)
    return filled(tmp_path, [entry(number, CAPTIONS.get(number)) for number in range(IMAGES)])


def query(
    store: Store, strategy: Strategy, where: Where = EVERYTHING, *, words_only: bool = False
) -> Hybrid:
    terms, rows = (
        (DOG_OR_BOAT, (DOG, BOAT, GRASS)) if strategy == "best" else (WITHOUT_GRASS, (DOG, GRASS))
    )
    return by_terms(store, terms, rows, strategy=strategy, where=where, words_only=words_only)


def pages(hybrid: Hybrid, count: int) -> list[int]:
    """The numbers of the images, page by page."""
    found: list[int] = []
    page = hybrid.page(count, None)
    while True:
        found += [int(Path(str(item.path)).stem) for item in page.items]
        if page.rest.is_over:
            return found
        assert len(page.items) == count
        page = hybrid.page(count, page.rest)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_words_find_the_positive_terms_and_keep_the_negative_ones_away(
    store: Store, strategy: Strategy
) -> None:
    page = query(store, strategy).page(5, None)
    found = [int(Path(str(item.path)).stem) for item in page.items]
    assert found[0] == 4
    assert strategy != "best" or found[1] == 5
    assert not {3, 6} & set(found)
    assert page.evidence[0][0].by == "words"


@pytest.mark.slow
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_pages_of_any_size_have_one_order(store: Store, strategy: Strategy) -> None:
    whole = pages(query(store, strategy), 1000)
    assert len(whole) == len(set(whole))
    assert strategy == "exclude" or len(whole) == IMAGES
    for count in (1, 3, 7, 20):
        assert pages(query(store, strategy), count) == whole


def test_excluded_images_are_on_no_page(store: Store) -> None:
    everything = set(pages(query(store, "sum"), 1000))
    store.update(store.page(after=0, limit=99, kind="image")[20].id, tags=["Grass"])
    left = pages(query(store, "exclude"), 7)
    assert {3, 6, 20} < everything - set(left)
    assert 4 in left


def test_what_has_all_words_is_excluded_by_words_alone(tmp_path: Path) -> None:
    looks_like_grass = ImageEntry("/p/0.jpg", "sha", GRASS, 4, 3, 99, "JPEG", 7, tags=("dog",))
    others = [entry(number) for number in range(1, IMAGES)]
    assert pages(query(filled(tmp_path / "one", [looks_like_grass, *others]), "exclude"), 9)[0] == 0
    on_grass = replace(looks_like_grass, tags=("dog", "grass"))
    assert 0 not in pages(query(filled(tmp_path / "two", [on_grass, *others]), "exclude"), 9)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_without_captions_and_words_the_pictures_alone_are_ordered(
    tmp_path: Path, strategy: Strategy
) -> None:
    memory = filled(tmp_path, [entry(number, tags=("x",)) for number in range(IMAGES)])
    hybrid = query(memory, strategy)
    page = hybrid.behind(1000, hybrid.page(1, None).rest.tail)
    alone = [int(Path(str(item.path)).stem) for item in page.items]
    assert pages(hybrid, 7)[1:] == alone


def test_a_negative_word_counts_where_no_positive_one_is_said(tmp_path: Path) -> None:
    plain = filled(tmp_path / "plain", [entry(number) for number in range(IMAGES)])
    first = pages(query(plain, "sum"), 5)[0]
    tagged = filled(
        tmp_path / "tagged",
        [entry(number, tags=("grass",) if number == first else ()) for number in range(IMAGES)],
    )
    for strategy in STRATEGIES:
        assert pages(query(tagged, strategy), 5)[0] != first


def test_a_name_that_all_images_have_keeps_none_away(tmp_path: Path) -> None:
    plain = filled(tmp_path / "plain", [entry(number) for number in range(IMAGES)])
    everywhere = filled(
        tmp_path / "all", [entry(number, tags=("grass",)) for number in range(IMAGES)]
    )
    assert pages(query(everywhere, "exclude"), 9) == pages(query(plain, "exclude"), 9)


def test_words_alone_know_negative_terms(store: Store) -> None:
    assert pages(query(store, "sum", words_only=True), 1)[:2] == [4, 3]
    assert pages(query(store, "exclude", words_only=True), 1) == [4]


def test_a_filter_holds_for_every_strategy(store: Store) -> None:
    where = Condition("tag", "=", "five")
    passing = set(range(0, IMAGES, 2))
    for item in store.page(after=0, limit=99, kind="image")[::2]:
        store.update(item.id, tags=["five"])
    for strategy in STRATEGIES:
        found = set(pages(query(store, strategy, where), 5))
        assert found == passing if strategy != "exclude" else found <= passing


def test_an_empty_store_has_nothing_by_any_strategy(tmp_path: Path) -> None:
    for strategy in STRATEGIES:
        page = query(MemoryStore(tmp_path / strategy), strategy).page(5, None)
        assert (page.items, page.rest.is_over) == ((), True)


def test_equal_pictures_and_one_picture_are_found(tmp_path: Path) -> None:
    same = [replace(entry(1, "a dog"), path=f"/p/{number}.jpg") for number in range(5)]
    for strategy in STRATEGIES:
        equal = filled(tmp_path / f"equal {strategy}", same)
        assert sorted(pages(query(equal, strategy), 2)) == list(range(5))
        alone = filled(tmp_path / f"one {strategy}", [entry(7, "a dog")])
        assert pages(query(alone, strategy), 2) == [7]
