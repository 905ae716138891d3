"""Captions that are longer than the model reads at once: each of their parts can be found."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mmembed.collection.collection import Collection
from mmembed.errors import ModelError
from mmembed.ingest import Report
from mmembed.store.entries import CaptionEntry
from mmembed.store.sqlite.layout_4 import UNCUT
from mmembed.types import Hit, Term
from tests.fake_encoder import FakeEncoder
from tests.folder_store import folder_store
from tests.ingest.outcomes import ids

MakePicture = Callable[..., Path]
Index = Callable[..., Report]
WORDS = 75
"""The fake model reads so many at once."""
REPORT = " ".join(["red"] * WORDS + ["green"] * WORDS + ["blue"] * 5)


def found(collection: Collection, words: str) -> list[Hit]:
    return list(collection.search([Term(text=words)], kind="caption").hits)


def parts(text: str) -> list[tuple[int, int]]:
    """Where the windows of a text begin and end."""
    ends = np.cumsum([len(window) for window in FakeEncoder().split(text)]).tolist()
    return list(zip([0, *ends], ends, strict=False))


@pytest.mark.parametrize("way", ["manifest", "sidecar", "caption", "upload", "update"])
def test_every_part_of_a_long_caption_is_found(
    collection: Collection, index: Index, picture: MakePicture, photos: Path, way: str
) -> None:
    file = picture("a.png", "white")
    if way == "manifest":
        row = json.dumps({"file_name": "a.png", "caption": REPORT})
        (photos / "captions.jsonl").write_text(row + "\n")
    elif way == "sidecar":
        file.with_suffix(".txt").write_text(REPORT)
    elif way == "caption":
        collection.add_caption(REPORT)
    elif way == "upload":
        collection.add_image(file.read_bytes(), name="a.png", captions=[REPORT])
    assert not index().failures
    if way == "update":
        collection.update(ids(collection)["a.png"], captions=[REPORT])
    for words, place in zip(("red", "green", "blue"), parts(REPORT), strict=True):
        [hit] = found(collection, words)
        assert hit.item.caption == REPORT
        assert hit.item.chunk == place
        assert hit.score > 0.99
    assert collection.store.check() == []


def test_a_short_caption_is_found_as_a_whole(collection: Collection) -> None:
    collection.add_caption("red")
    [hit] = found(collection, "red")
    assert hit.item.chunk is None


def test_a_long_caption_as_a_query_ranks_by_all_its_parts(
    collection: Collection, index: Index, picture: MakePicture
) -> None:
    for colour in ("red", "green", "blue"):
        picture(f"{colour}.png", colour)
    index()
    caption = collection.add_caption(REPORT)
    by_item = collection.search([Term(item=caption.id)]).hits
    by_text = collection.search([Term(text=REPORT)]).hits
    assert [hit.item.id for hit in by_item] == [hit.item.id for hit in by_text]
    assert [hit.score for hit in by_item] == pytest.approx([hit.score for hit in by_text], abs=1e-3)


def with_one_vector(collection: Collection, text: str) -> None:
    """As in a folder of a time when each caption had one vector."""
    [row] = FakeEncoder().embed_texts([text])
    item_id = collection.store.write_caption(CaptionEntry(text, row))
    with folder_store(collection)._transaction() as db:
        db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (UNCUT, str(item_id)))


def test_earlier_long_captions_are_cut_by_the_next_indexing(
    collection: Collection, index: Index, picture: MakePicture
) -> None:
    picture("a.png")
    index()
    with_one_vector(collection, "blue")
    with_one_vector(collection, REPORT)
    assert [hit.item.chunk for hit in found(collection, "green")] == [None, None]
    assert index().cut == 1
    [best, other] = found(collection, "green")
    assert (best.item.caption, best.item.chunk) == (REPORT, parts(REPORT)[1])
    assert (other.item.caption, other.item.chunk) == ("blue", None)
    assert index().cut == 0
    assert collection.store.check() == []


def test_an_indexing_without_anything_new_goes_well_without_the_model(
    collection: Collection, index: Index, picture: MakePicture, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture("a.png")
    index()
    with_one_vector(collection, REPORT)

    def fail() -> FakeEncoder:
        raise ModelError("the weights are gone")

    with monkeypatch.context() as patch:
        patch.setattr("mmembed.ingest.cut_captions.CuttingCaptions._cut", lambda *_: fail())
        report = index()
    assert (report.unchanged, report.cut, report.failures) == (1, 0, [])
    assert index().cut == 1
