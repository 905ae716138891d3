"""What a store needs to give a collection away, and to take in another's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mmembed.errors import Unstorable
from mmembed.store.entries import CaptionEntry, ImageEntry
from mmembed.store.protocol import Store

Entry = Callable[..., ImageEntry]
LONG_AGO = 1_000_000


def caption(text: str, *vector: float, added: int | None = None) -> CaptionEntry:
    return CaptionEntry(text, np.array(vector or (1, 2, 3, 4), np.float32), added=added)


def test_captions_of_images_are_items(store: Store, entry: Entry) -> None:
    said = (caption("two", 0, 1, 0, 0), caption("one", 1, 0, 0, 0))
    image, _ = store.write([entry("/a", captions=said), entry("/b")])
    store.write_caption(caption("alone"))
    first, second = store.caption_items_of([image, image + 1, 999])[image]
    assert (first.caption, second.caption) == ("two", "one")
    assert (first.kind, first.image_id, first.path) == ("caption", image, "/a")
    store.update(second.id, tags=["mine"])
    captions = store.caption_items_of([image, image + 1, 999])
    assert list(captions) == [image]
    assert [item.tags for item in captions[image]] == [(), ("mine",)]


def test_many_captions_are_written_at_once(store: Store) -> None:
    first = store.write_caption(caption("words"), ["a"])
    same, new, again = store.write_captions(
        [(caption("words"), ["b"]), (caption("more"), []), (caption("more"), ["c"])]
    )
    assert (same, new) == (first, again)
    assert [store.item(one).tags for one in (same, new)] == [("a", "b"), ("c",)]
    with pytest.raises(Unstorable):
        store.write_captions([(caption("good"), []), (caption("bad", 0, 0, 0, 0), [])])
    assert store.count("caption") == 2
    assert store.write_captions([]) == []


def test_items_keep_the_time_at_which_they_came(store: Store, entry: Entry) -> None:
    said = (caption("it", added=LONG_AGO + 1),)
    [image] = store.write([entry("/a", captions=said, added=LONG_AGO)])
    alone = store.write_caption(caption("alone", added=LONG_AGO + 2))
    assert store.write([entry("/a", added=7)]) == [image]
    assert store.write_caption(caption("alone", added=7)) == alone
    [of_image] = store.caption_items_of([image])[image]
    added = [item.added for item in store.items([image, of_image.id, alone])]
    assert added == [LONG_AGO, LONG_AGO + 1, LONG_AGO + 2]
