"""Captions and tags of single items are set by hand."""

from __future__ import annotations

import pytest

from mmembed.collection.collection import Collection
from mmembed.errors import QueryError, Unstorable
from tests.collection.uploaded_files import RED


def test_a_change_of_captions_and_tags_is_made_whole_or_not_at_all(collection: Collection) -> None:
    item = collection.add_image(RED, name="a", captions=["old"], tags=["old"])
    with pytest.raises(Unstorable):
        collection.update(item.id, captions=["new"], tags=["\ud800"])
    assert collection.item(item.id) == item
    changed = collection.update(item.id, captions=["new"], tags=["new"])
    assert (changed.captions, changed.tags) == (("new",), ("new",))


def test_what_a_change_leaves_out_stays(collection: Collection) -> None:
    item = collection.add_image(RED, name="a", captions=["one"], tags=["x"])
    assert collection.update(item.id) == item
    assert collection.update(item.id, tags=[]).captions == ("one",)
    assert collection.update(item.id, captions=[]).tags == ()


def test_a_caption_has_no_captions(collection: Collection) -> None:
    item = collection.add_caption("words")
    with pytest.raises(QueryError, match="only an image"):
        collection.update(item.id, captions=["more"], tags=["x"])
    assert collection.item(item.id) == item


def test_the_same_bytes_again_bring_further_captions_and_tags(collection: Collection) -> None:
    first = collection.add_image(RED, name="a", captions=["one", "two"], tags=["x"])
    again = collection.add_image(RED, name="b", captions=["two", "three"], tags=["y"])
    assert again.id == first.id
    assert (again.captions, again.tags) == (("one", "two", "three"), ("x", "y"))
    assert collection.add_image(RED, name="c") == again
