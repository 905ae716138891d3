"""Records and hashes of pictures are kept in every store; so are tags that label sets gave."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from mmembed.errors import LimitError, Unstorable
from mmembed.filters.tree import Test as Condition
from mmembed.store import record_protocol
from mmembed.store.entries import CaptionEntry, ImageEntry, Reading, Words
from mmembed.store.protocol import Store
from mmembed.types import AutomaticTag

Entry = Callable[..., ImageEntry]
NOTHING_SAID = Reading(Words(), lambda source: True)


@pytest.fixture
def ids(store: Store, entry: Entry) -> list[int]:
    """Three images; the first has a tag of a person, the second one of a file."""
    of_file = Reading(Words({}, {"cat": {"/b.txt"}}), lambda source: True)
    return store.write(
        [
            entry("/a.jpg", tags=("dog",)),
            entry("/b.jpg", (0, 1, 0, 0), reading=of_file),
            entry("/c.jpg", (0, 0, 1, 0)),
        ]
    )


def tags(store: Store, ids: list[int]) -> list[tuple[str, ...]]:
    return [store.item(item_id).tags for item_id in ids]


# -- records -------------------------------------------------------------------------


def test_records_are_read_as_they_were_put(empty: Store) -> None:
    content = bytes(range(256))
    empty.put_records("map", {"b, é 🦊": content, "a": b"", "Z": b"1"})
    empty.put_records("label_set", {"a": b"other"})
    assert empty.record("map", "b, é 🦊") == content
    assert (empty.record("map", "none"), empty.record("none", "a")) == (None, None)
    assert list(empty.records("map").items()) == [("Z", b"1"), ("a", b""), ("b, é 🦊", content)]
    assert empty.record_kinds() == ["label_set", "map"]
    assert (empty.records("none"), empty.check()) == ({}, [])


def test_a_record_is_replaced_and_deleted(empty: Store) -> None:
    empty.put_records("map", {"a": b"1", "b": b"2"})
    empty.put_records("map", {"a": b"3"})
    assert empty.records("map") == {"a": b"3", "b": b"2"}
    assert empty.delete_records("map", ["a", "none"]) == 1
    assert empty.delete_records("other", ["b"]) == 0
    assert empty.records("map") == {"b": b"2"}


def test_a_record_has_a_largest_size(empty: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_protocol, "LARGEST_RECORD", 3)
    with pytest.raises(LimitError, match=r"map 'big': 4 bytes, limit 3 of a record"):
        empty.put_records("map", {"small": b"123", "big": b"1234"})
    assert empty.records("map") == {}


# -- hashes --------------------------------------------------------------------------


def test_hashes_live_as_long_as_an_image_of_their_content(store: Store, entry: Entry) -> None:
    first, copy, other = store.write(
        [
            entry("/a", sha256="one", hashes=b"\0h"),
            entry("/copy", sha256="one"),
            entry("/b", (0, 1, 0, 0), sha256="two"),
        ]
    )
    assert store.image_hashes(["one", "two", "none"]) == {"one": b"\0h"}
    assert store.contents_without_hashes(9) == ["two"]
    store.add_image_hashes({"two": b"t", "none": b"n", "one": b"new"})
    assert store.image_hashes(["one", "two", "none"]) == {"one": b"new", "two": b"t"}
    store.remove([first])
    assert store.image_hashes(["one"]) == {"one": b"new"}
    store.write([entry("/copy", (0, 0, 0, 1), sha256="three")])
    store.remove([other])
    assert store.image_hashes(["one", "two", "three"]) == {}
    assert store.contents_without_hashes(9) == ["three"]
    assert [store.item(copy).sha256, *store.check()] == ["three"]


def test_hashes_come_in_portions(store: Store, entry: Entry) -> None:
    hashes = {f"{n:02}": bytes([n]) for n in range(7)}
    caption = CaptionEntry("no picture", np.ones(4, np.float32))
    store.write_caption(caption)
    store.write([entry(f"/{key}", (1, n, 0, 0), sha256=key) for n, key in enumerate(hashes)])
    assert store.contents_without_hashes(3, after="02") == ["03", "04", "05"]
    store.add_image_hashes(hashes)
    portions = list(store.all_image_hashes(3))
    assert [list(portion) for portion in portions] == [
        ["00", "01", "02"], ["03", "04", "05"], ["06"],
    ]  # fmt: skip
    assert {key: one for portion in portions for key, one in portion.items()} == hashes
    assert store.contents_without_hashes(9) == []


# -- automatic tags ------------------------------------------------------------------


def test_an_automatic_tag_is_a_tag(store: Store, ids: list[int]) -> None:
    given = [(ids[0], "beach", 0.75), (ids[2], "beach", 0.5), (ids[2], "dog", 0.9), (9**9, "x", 1)]
    assert store.replace_automatic_tags("places", given) == 3
    assert tags(store, ids) == [("beach", "dog"), ("cat",), ("beach", "dog")]
    assert store.tags() == {"beach": 2, "cat": 1, "dog": 2}
    assert store.count("image", Condition("tag", "=", "beach")) == 2
    assert sorted(store.match_words("beach", 9).item_ids.tolist()) == [ids[0], ids[2]]
    assert store.automatic_tags_of([*ids, 9**9]) == {
        ids[0]: [AutomaticTag("beach", 0.75, "places")],
        ids[2]: [AutomaticTag("dog", 0.9, "places"), AutomaticTag("beach", 0.5, "places")],
    }
    assert store.automatic_label_sets() == {"places": 3}
    assert store.check() == []


def test_an_item_tells_which_of_its_tags_label_sets_alone_gave(
    store: Store, ids: list[int]
) -> None:
    odd = 'a "b", [c]'
    store.replace_automatic_tags("places", [(ids[0], "dog", 0.5), (ids[0], "sea", 0.25)])
    store.replace_automatic_tags(odd, [(ids[0], odd, 0.75), (ids[0], "sea", 0.75)])
    store.replace_automatic_tags("files", [(ids[1], "cat", 0.5)])
    expected = (
        AutomaticTag(odd, 0.75, odd), AutomaticTag("sea", 0.75, odd),
        AutomaticTag("sea", 0.25, "places"),
    )  # fmt: skip
    assert store.item(ids[0]).automatic_tags == expected, "the dog is a person's"
    assert store.items(ids[:1])[0].automatic_tags == expected
    assert store.page(after=0, limit=9, kind="image")[0].automatic_tags == expected
    assert [store.item(one).automatic_tags for one in ids[1:]] == [(), ()]
    store.update(ids[0], tags=["sea"])
    assert store.item(ids[0]).automatic_tags == ()
    store.describe([(ids[1], NOTHING_SAID, ())])  # the file says it no more
    assert store.item(ids[1]).automatic_tags == (AutomaticTag("cat", 0.5, "files"),)


def test_a_label_set_is_replaced_as_a_whole(store: Store, ids: list[int]) -> None:
    store.replace_automatic_tags("a", [(ids[0], "sea", 0.5), (ids[2], "sea", 0.5)])
    store.replace_automatic_tags("b", [(ids[2], "sea", 0.25), (ids[2], "sky", 1)])
    again = [(ids[0], "sea", 0.9), (ids[1], "sun", 0.1), (ids[1], "sun", 0.2)]
    assert store.replace_automatic_tags("a", again) == 2
    assert tags(store, ids) == [("dog", "sea"), ("cat", "sun"), ("sea", "sky")]
    assert store.automatic_tags_of([ids[1]]) == {ids[1]: [AutomaticTag("sun", 0.2, "a")]}
    assert store.match_words("sun", 9).item_ids.tolist() == [ids[1]]
    assert store.replace_automatic_tags("b", []) == 0
    assert store.replace_automatic_tags("a", []) == 0
    assert (tags(store, ids), store.automatic_label_sets()) == ([("dog",), ("cat",), ()], {})
    assert store.match_words("sea sun sky", 9).item_ids.tolist() == []
    assert store.check() == []


def test_what_people_and_files_said_stays(store: Store, ids: list[int]) -> None:
    store.replace_automatic_tags("s", [(ids[0], "dog", 0.5), (ids[1], "cat", 0.5)])
    words = store.words_of(ids)
    assert [words[one].tags for one in ids] == [{"dog": {""}}, {"cat": {"/b.txt"}}, {}]
    assert store.described_by_files() == {ids[1]}
    store.replace_automatic_tags("s", [])
    assert tags(store, ids) == [("dog",), ("cat",), ()]
    assert store.words_of(ids) == words


def test_files_that_are_read_again_leave_automatic_tags(store: Store, ids: list[int]) -> None:
    given = [(ids[1], "cat", 0.5), (ids[1], "sofa", 0.5)]
    store.replace_automatic_tags("s", given)
    store.describe([(ids[1], NOTHING_SAID, ())])  # the file says it no more, the label set does
    assert tags(store, ids)[1] == ("cat", "sofa")
    assert store.words_of([ids[1]])[ids[1]].tags == {}
    store.replace_automatic_tags("s", [])
    assert tags(store, ids)[1] == ()


def test_a_person_confirms_the_tags_that_are_listed(store: Store, ids: list[int]) -> None:
    store.replace_automatic_tags("s", [(ids[2], "sun", 0.5), (ids[2], "sea", 0.5)])
    store.update(ids[2], tags=["sea", "mine"])
    assert store.automatic_tags_of([ids[2]]) == {ids[2]: [AutomaticTag("sea", 0.5, "s")]}
    store.replace_automatic_tags("s", [])
    assert tags(store, ids)[2] == ("mine", "sea")
    assert store.check() == []


def test_another_content_or_no_item_has_no_automatic_tags(
    store: Store, entry: Entry, ids: list[int]
) -> None:
    store.replace_automatic_tags("s", [(item_id, "sea", 0.5) for item_id in ids])
    store.write([entry("/a.jpg", (1, 1, 0, 0), sha256="another")])
    store.write([replace(entry("/b.jpg", None), reading=None)])  # the same
    store.remove([ids[2]])
    assert tags(store, ids[:2]) == [("dog",), ("cat", "sea")]
    assert store.automatic_label_sets() == {"s": 1}
    assert store.check() == []


def test_automatic_tags_are_added_to_others(store: Store, ids: list[int]) -> None:
    store.replace_automatic_tags("a", [(ids[0], "sea", 0.5), (ids[1], "sea", 0.5)])
    store.add_automatic_tags(
        {ids[0]: [AutomaticTag("sea", 0.7, "a"), AutomaticTag("sky", 1.0, "b")], 9**9: []}
    )
    assert tags(store, ids) == [("dog", "sea", "sky"), ("cat", "sea"), ()]
    assert store.automatic_tags_of([ids[0]])[ids[0]] == [
        AutomaticTag("sky", 1.0, "b"), AutomaticTag("sea", 0.7, "a"),
    ]  # fmt: skip
    assert store.automatic_label_sets() == {"a": 2, "b": 1}


@pytest.mark.parametrize("score", [math.nan, math.inf])
def test_a_change_that_fails_leaves_all_as_it_was(
    store: Store, ids: list[int], score: float
) -> None:
    store.replace_automatic_tags("s", [(ids[0], "sea", 0.5)])
    with pytest.raises(Unstorable, match=r"tag 'sky': its score (nan|inf) is not finite"):
        store.replace_automatic_tags("s", [(ids[1], "sun", 0.5), (ids[1], "sky", score)])

    def broken() -> Iterator[tuple[int, str, float]]:
        yield ids[2], "sun", 0.5
        raise KeyError("while it was computed")

    with pytest.raises(KeyError):
        store.replace_automatic_tags("s", broken())
    assert store.automatic_tags_of(ids) == {ids[0]: [AutomaticTag("sea", 0.5, "s")]}
    assert store.replace_automatic_tags("s", [(ids[1], "sun", 0.5)]) == 1


def test_a_caption_may_have_automatic_tags(store: Store) -> None:
    item_id = store.write_caption(CaptionEntry("a cat", np.ones(4, np.float32)), ["said"])
    store.replace_automatic_tags("s", [(item_id, "animal", 0.5)])
    assert store.item(item_id).tags == ("animal", "said")
    store.write_caption(CaptionEntry("a cat", np.ones(4, np.float32)), ["more"])
    assert store.item(item_id).tags == ("animal", "more", "said")
    store.remove([item_id])
    assert store.automatic_label_sets() == {}
