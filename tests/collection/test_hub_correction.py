"""Searches by words are corrected by the bank; pages, scores and other searches keep their word."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmembed.collection import searching
from mmembed.collection.bank_of_model import ModelBank
from mmembed.collection.collection import Collection
from mmembed.errors import QueryError
from mmembed.search.hub_correction import strength
from mmembed.search.learned_words import LearnedWords
from mmembed.types import Term
from tests.fake_encoder import COLOURS, FakeEncoder

RED = [Term(text="red pink")]
Index = Callable[..., Any]


def quietly(done: int, total: int, failed: int) -> None:
    """No progress."""


@pytest.fixture
def bank_file(tmp_path: Path) -> str:
    """Most of its texts name one colour, so pictures of it are near any text."""
    colours = list(COLOURS)
    lines = [f"pink {number}" for number in range(150)]
    lines += [f"a {colours[number % 12]} {number}" for number in range(48)]
    path = tmp_path / "bank.txt"
    path.write_text("\n".join(lines))
    return str(path)


@pytest.fixture
def indexed(
    open_collection: Callable[..., Collection], bank_file: str, photos: Path, picture: Any,
    tmp_path: Path,
) -> Collection:  # fmt: skip
    """30 pictures, and a bank that was not embedded yet."""
    collection = open_collection(bank=bank_file, cache=tmp_path / "cache")
    for number, colour in enumerate(["red", "pink", "orange", "blue", "white", "grey"] * 5):
        picture(f"{number}.png", colour, seed=number + 1)
    collection.index([photos], progress=quietly)
    return collection


def ids(collection: Collection, terms: list[Term], k: int = 50, **more: Any) -> list[int]:
    return [hit.item.id for hit in collection.search(terms, k=k, **more).hits]


def test_words_rank_by_the_corrected_cosine_and_keep_their_score(
    indexed: Collection, encoder: FakeEncoder
) -> None:
    indexed.make_bank(quietly)
    page = indexed.search(RED, k=50)
    item_ids = [hit.item.id for hit in page.hits]
    rows = np.stack([indexed.binding.item(item_id) for item_id in item_ids])
    bank = encoder.embed_texts(Path(indexed.settings.bank).read_text().split("\n"))
    [query] = encoder.embed_texts(["red pink"])
    cosines = rows @ query
    assert [hit.score for hit in page.hits] == pytest.approx(cosines.tolist(), abs=2e-6)
    values = cosines - strength(4) * (rows @ bank.mean(axis=0))
    assert np.all(np.diff(values) < 1e-5)
    assert np.any(np.diff(cosines) > 0.01), "the correction changed nothing"
    assert page.notes == ()


@pytest.mark.parametrize("terms", [RED, [*RED, Term(text="blue", weight=-0.5), Term(item=3)]])
def test_pages_are_parts_of_one_order(indexed: Collection, terms: list[Term]) -> None:
    indexed.make_bank(quietly)
    whole = ids(indexed, terms)
    assert len(whole) == len(set(whole)) == 30
    assert ids(indexed, terms, k=7) == whole[:7]
    pages, cursor = list[int](), None
    for _ in range(5):
        page = indexed.search(terms, k=7, cursor=cursor)
        pages += [hit.item.id for hit in page.hits]
        cursor = page.next_cursor
    assert cursor is None
    assert pages == whole


def test_pictures_items_and_captions_are_compared_as_they_are(
    indexed: Collection, photos: Path
) -> None:
    queries: list[tuple[list[Term], dict[str, Any]]] = [
        ([Term(item=2)], {}),
        ([Term(image=(photos / "3.png").read_bytes())], {}),
        (RED, {"kind": "caption"}),
    ]
    before = [indexed.search(terms, **more) for terms, more in queries]
    indexed.make_bank(quietly)
    assert [indexed.search(terms, **more) for terms, more in queries] == before
    assert all(page.notes == () for page in before)


def test_until_the_bank_is_ready_words_rank_as_they_are(
    indexed: Collection, open_collection: Callable[..., Collection],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    off = open_collection(bank="off")
    with monkeypatch.context() as patch:
        patch.setattr(ModelBank, "now", lambda self: None)
        first = indexed.search(RED, k=10)
    assert "The bank of texts is being embedded" in first.notes[0]
    indexed.make_bank(quietly)
    rest = indexed.search(RED, k=50, cursor=first.next_cursor)
    plain = [hit.item.id for hit in (*first.hits, *rest.hits)]
    assert rest.notes == ()
    assert plain == ids(off, RED) != ids(indexed, RED)
    assert off.search(RED).notes == ()


def test_a_page_of_a_corrected_order_goes_on_after_a_restart(
    indexed: Collection, open_collection: Callable[..., Collection], bank_file: str, tmp_path: Path
) -> None:
    indexed.make_bank(quietly)
    whole, first = ids(indexed, RED), indexed.search(RED, k=10)
    again = open_collection(bank=bank_file, cache=tmp_path / "another")
    assert ids(again, RED, cursor=first.next_cursor) == whole[10:]
    with pytest.raises(QueryError, match="another query"):
        open_collection(bank="off").search(RED, cursor=first.next_cursor)


def test_a_negative_word_alone_leads_away_from_what_it_means(indexed: Collection) -> None:
    indexed.make_bank(quietly)
    towards = ids(indexed, RED)
    assert ids(indexed, [Term(text="red pink", weight=-1)]) == towards[::-1]


def test_learned_words_rank_too_and_make_other_cursors_useless(
    indexed: Collection, encoder: FakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    indexed.make_bank(quietly)
    before, first = ids(indexed, RED), indexed.search(RED, k=10)
    [red, blue] = encoder.embed_texts(["red pink", "blue"])
    known = LearnedWords(np.zeros_like(red), red[None], 9 * blue[None])
    monkeypatch.setattr(searching, "learned_words", lambda fingerprint: known)
    page = indexed.search(RED, k=50)
    assert [hit.item.id for hit in page.hits] != before
    assert Path(str(page.hits[0].item.path)).name in {f"{n}.png" for n in range(3, 30, 6)}
    assert {hit.item.id: hit.score for hit in page.hits} == {
        hit.item.id: hit.score for hit in [*first.hits, *_rest(indexed, first, monkeypatch)]
    }
    monkeypatch.setattr(searching, "learned_words", lambda fingerprint: known)
    with pytest.raises(QueryError, match="another query"):
        indexed.search(RED, cursor=first.next_cursor)


def _rest(indexed: Collection, first: Any, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    monkeypatch.setattr(searching, "learned_words", lambda fingerprint: None)
    return list(indexed.search(RED, k=50, cursor=first.next_cursor).hits)
