"""Answers say how well hits fit, and whether the collection holds what was asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mmembed.collection.collection import Collection
from mmembed.errors import QueryError
from mmembed.filters.parse import parse_where
from mmembed.ingest import Report
from mmembed.types import Term
from tests.fake_encoder import COLOURS

MakePicture = Callable[..., Path]
Index = Callable[..., Report]
OpenCollection = Callable[..., Collection]


@pytest.fixture
def gallery(open_collection: OpenCollection, picture: MakePicture, photos: Path) -> Collection:
    """Eight pictures of each colour, and the bank."""
    for colour in COLOURS:
        for seed in range(8):
            path = picture(f"{colour}-{seed}.png", colour, seed=seed)
            path.with_suffix(".txt").write_text(f"something {colour}, number {seed}")
    collection = open_collection(bank="")
    collection.index([photos], progress=lambda *_: None)
    collection.make_bank(lambda *_: None)
    return collection


@pytest.mark.slow
def test_words_that_fit_have_higher_figures(gallery: Collection) -> None:
    page = gallery.search([Term(text="red")], k=len(COLOURS) * 8)
    fits = {Path(hit.item.path or "").stem: hit.fits for hit in page.hits}
    assert all(value is not None and 0 <= value <= 1 for value in fits.values())
    assert min(fits[f"red-{n}"] or 0 for n in range(8)) > max(
        fits[f"blue-{n}"] or 0 for n in range(8)
    )
    assert all(hit.relevance == hit.fits for hit in page.hits)
    assert page.match in {"yes", "unsure", "no"}


@pytest.mark.slow
def test_the_answer_depends_on_no_page_size(gallery: Collection) -> None:
    long, short = (gallery.search([Term(text="red")], k=k) for k in (30, 3))
    assert short.hits == long.hits[:3]
    assert short.match == long.match
    assert len(short.hits) == 3
    rest = gallery.search([Term(text="red")], k=27, cursor=short.next_cursor)
    assert [hit.item.id for hit in short.hits + rest.hits] == [hit.item.id for hit in long.hits]
    assert rest.match == short.match


@pytest.mark.slow
def test_a_bound_leaves_out_what_fits_less(gallery: Collection) -> None:
    every = gallery.search([Term(text="red")], k=len(COLOURS) * 8).hits
    bound = sorted(hit.relevance for hit in every)[len(every) // 2]
    expected = [hit.item.id for hit in every if hit.relevance >= bound]
    shown, cursor = [], None
    while True:
        page = gallery.search([Term(text="red")], k=5, cursor=cursor, min_relevance=bound)
        shown += [hit.item.id for hit in page.hits]
        cursor = page.next_cursor
        if cursor is None:
            break
        assert len(page.hits) == 5
    assert shown == expected


@pytest.mark.slow
def test_a_picture_of_the_collection_is_found_and_its_own_item_does_not_count(
    gallery: Collection,
) -> None:
    [hit] = gallery.search([Term(text="red")], k=1).hits
    same = gallery.search([Term(image=Path(hit.item.path or "").read_bytes())])
    assert same.match == "yes"
    assert same.hits[0].fits == pytest.approx(1, abs=1e-3)
    gallery.search([Term(item=hit.item.id)], where=parse_where("format:png"))
    alone = gallery.search([Term(item=hit.item.id)], where=parse_where(f'path:"{hit.item.path}"'))
    assert (len(alone.hits), alone.match) == (1, None)


@pytest.mark.slow
def test_captions_and_negative_terms_alone_are_not_judged(gallery: Collection) -> None:
    captions = gallery.search([Term(text="red")], kind="caption")
    away = gallery.search([Term(text="red", weight=-1)])
    for page in (captions, away):
        assert page.match is None
        assert {hit.fits for hit in page.hits} == {None}
        assert all(0 <= hit.relevance <= 1 for hit in page.hits)


@pytest.mark.slow
def test_composed_queries_are_judged_by_their_positive_words(gallery: Collection) -> None:
    alone = gallery.search([Term(text="red")], k=len(COLOURS) * 8)
    composed = gallery.search(
        [Term(text="red"), Term(text="blue", weight=-0.5)], k=len(COLOURS) * 8
    )
    of_alone = {hit.item.id: hit.fits for hit in alone.hits}
    assert {hit.item.id: hit.fits for hit in composed.hits} == of_alone


@pytest.mark.slow
def test_words_that_a_caption_has_are_there(
    open_collection: OpenCollection, picture: MakePicture, photos: Path
) -> None:
    for number, caption in enumerate(("a banana", "a dog", "a boat", "two dogs")):
        picture(f"{number}.png", "red", seed=number).with_suffix(".txt").write_text(caption)
    collection = open_collection(bank="")
    collection.index([photos], progress=lambda *_: None)
    collection.make_bank(lambda *_: None)
    first = collection.search([Term(text="the banana")], k=1)
    later = collection.search([Term(text="the banana")], k=1, cursor=first.next_cursor)
    assert (first.match, later.match) == ("yes", "yes")
    assert collection.search([Term(text="the banana")], mode="words").match == "yes"
    assert collection.search([Term(text="the banana")], mode="picture").match != "yes"
    assert collection.search([Term(text="a banana dog")]).match != "yes"


def test_without_a_bank_words_are_not_judged(
    collection: Collection, index: Index, picture: MakePicture
) -> None:
    picture("a.png", "red")
    index()
    page = collection.search([Term(text="red")])
    assert (page.match, page.hits[0].fits) == (None, None)
    assert 0 <= page.hits[0].relevance <= 1


def test_an_empty_collection_says_nothing(collection: Collection) -> None:
    page = collection.search([Term(text="red")])
    assert (page.hits, page.match) == ((), None)


@pytest.mark.parametrize("bound", [-0.1, 1.1, float("nan")])
def test_a_bound_that_is_no_part_of_one_is_refused(collection: Collection, bound: float) -> None:
    with pytest.raises(QueryError, match="min_relevance"):
        collection.search([Term(text="red")], min_relevance=bound)


def test_the_item_of_a_caption_is_judged_as_its_words(gallery: Collection) -> None:
    [caption] = gallery.search([Term(text="something red, number 3")], k=1, kind="caption").hits
    text = caption.item.caption
    assert text is not None
    by_item = gallery.search([Term(item=caption.item.id)], k=9)
    by_words = gallery.search([Term(text=text)], k=99, mode="picture")
    fits = {hit.item.id: hit.fits for hit in by_words.hits}
    assert all(abs((hit.fits or 0) - (fits[hit.item.id] or 0)) < 0.01 for hit in by_item.hits)
    assert by_item.match != "no"
