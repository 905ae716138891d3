"""What every store does with items, captions, tags and files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from mmembed.errors import NotFound, StoreBusy, StoreError, Unstorable
from mmembed.filters.tree import Test as Condition
from mmembed.store.entries import (
    BY_HAND,
    CaptionEntry,
    ImageEntry,
    ImageFile,
    KeptOut,
    Reading,
    Words,
    by_hand,
)
from mmembed.store.protocol import Purpose, Store
from mmembed.types import Failure

Entry = Callable[..., ImageEntry]


def caption(text: str, *vector: float) -> CaptionEntry:
    return CaptionEntry(text, np.array(vector or (1, 2, 3, 4), dtype=np.float32))


def reading(captions: dict[str, set[str]] | None = None, **tags: set[str]) -> Reading:
    """What files say, all of which were read whole."""
    return Reading(Words(captions or {}, tags), lambda source: True)


def captions_of(store: Store, image_id: int) -> tuple[str, ...]:
    return store.item(image_id).captions


# -- images --------------------------------------------------------------------------


def test_an_image_is_read_as_it_was_written(store: Store, entry: Entry) -> None:
    [item_id] = store.write([entry("/a.jpg", tags=("b", "a"), captions=(caption("it"),))])
    item = store.item(item_id)
    assert (item.id, item.kind, item.path, item.sha256) == (
        item_id, "image", "/a.jpg", "content of /a.jpg",
    )  # fmt: skip
    assert (item.width, item.height, item.format) == (4, 3, "JPEG")
    assert (item.bytes, item.mtime_ns) == (99, 7)
    assert (item.tags, item.captions, item.caption) == (("a", "b"), ("it",), "it")


def test_an_image_at_a_known_path_keeps_its_id_and_what_is_said(store: Store, entry: Entry) -> None:
    [first] = store.write([entry("/a", tags=("old",), captions=(caption("it"),))])
    [second] = store.write([entry("/a", [0, 1, 0, 0], sha256="new", width=9, tags=("new",))])
    item = store.item(second)
    assert first == second
    assert (item.sha256, item.width) == ("new", 9)
    assert (item.tags, item.captions) == (("new", "old"), ("it",))
    assert store.count("image") == 1


def test_ids_rise_and_are_never_given_again(store: Store, entry: Entry) -> None:
    first, second = store.write([entry("/a"), entry("/b")])
    assert 0 < first < second
    store.remove([second])
    assert store.write([entry("/c")]) > [second]


def test_pages_walk_by_rising_id(store: Store, entry: Entry) -> None:
    ids = store.write([entry(f"/{n}") for n in range(5)])
    store.write_caption(caption("alone"))
    pages, after = [], 0
    while page := store.page(after=after, limit=2, kind="image"):
        pages.append([item.id for item in page])
        after = page[-1].id
    assert pages == [ids[:2], ids[2:4], ids[4:]]
    assert len(store.page(after=0, limit=99, kind=None)) == 6
    assert [item.caption for item in store.page(after=0, limit=9, kind="caption")] == ["alone"]


def test_a_filter_narrows_counts_and_pages(store: Store, entry: Entry) -> None:
    first, _ = store.write([entry("/x/a", tags=("t",)), entry("/y/b")])
    for where in (Condition("tag", "=", "t"), Condition("folder", "=", "/x")):
        assert store.count("image", where) == 1
        page = store.page(after=0, limit=9, kind="image", where=where)
        assert [item.id for item in page] == [first]
    assert store.count() == 2


def test_images_are_found_by_content_path_and_folder(store: Store, entry: Entry) -> None:
    paths = ["/a/b", "/a/b/c", "/a/bc", "/a"]
    ids = dict(zip(paths, store.write([entry(path) for path in paths]), strict=True))
    store.write_caption(caption("words"))
    assert store.images_at(["/a/b", "/none"]) == {
        "/a/b": ImageFile(ids["/a/b"], "/a/b", "content of /a/b")
    }
    assert store.contents_among(["content of /a", "none"]) == {"content of /a"}
    assert store.contents_among([caption("words").sha256]) == set()
    assert store.images_below("/a/b") == [
        ImageFile(ids[path], path, f"content of {path}") for path in ("/a/b", "/a/b/c")
    ]
    assert store.images_of("content of /a") == [ImageFile(ids["/a"], "/a", "content of /a")]
    assert store.images_of("none") == store.images_below("/none") == []
    content = store.content("image", "content of /a")
    assert content is not None
    assert content.path == "/a"
    assert store.content("caption", "content of /a") is None


def test_an_item_that_is_not_there_is_named(store: Store) -> None:
    for ask in (store.item, store.vector_of):
        with pytest.raises(NotFound, match="item 7"):
            ask(7)


def test_a_batch_is_written_whole_or_not_at_all(store: Store, entry: Entry) -> None:
    store.write([entry("/old")], [Failure("/bad", "ImageError", "why")])
    before = store.last_change(), store.failures()
    with pytest.raises(Unstorable):
        store.write([entry("/bad"), entry("/worse", [np.nan, 0, 0, 0])])
    assert store.count() == 1
    assert (store.last_change(), store.failures()) == before


def test_a_store_without_a_model_takes_no_image(empty: Store, entry: Entry) -> None:
    with pytest.raises(StoreError):
        empty.write([entry("/a")])
    assert empty.count() == 0


def test_removing_counts_what_was_there(store: Store, entry: Entry) -> None:
    [image] = store.write([entry("/a", captions=(caption("one"), caption("two")))])
    [other] = store.write([entry("/b")])
    assert store.remove([image, 999]) == 1
    assert [item.id for item in store.page(after=0, limit=9, kind=None)] == [other]


# -- captions and tags ---------------------------------------------------------------


def test_captions_are_items_of_their_own(store: Store, entry: Entry) -> None:
    [image] = store.write([entry("/a", captions=(caption("one"), caption("two")))])
    captions = store.page(after=0, limit=9, kind="caption")
    assert [(one.caption, one.image_id, one.path) for one in captions] == [
        ("one", image, "/a"), ("two", image, "/a"),
    ]  # fmt: skip
    assert [one.sha256 for one in captions] == [caption("one").sha256, caption("two").sha256]
    assert store.captions_of([image, 99]) == {image: ["one", "two"]}


def test_captions_that_stay_keep_their_ids(store: Store, entry: Entry) -> None:
    [image] = store.write([entry("/a", captions=(caption("one"), caption("two")))])
    ids = {one.caption: one.id for one in store.page(after=0, limit=9, kind="caption")}
    store.update(image, captions=[CaptionEntry("two", None), caption("three")])
    assert captions_of(store, image) == ("two", "three")
    assert store.item(image).caption == "two"
    left = {one.caption: one.id for one in store.page(after=0, limit=9, kind="caption")}
    assert left["two"] == ids["two"]
    assert set(left) == {"two", "three"}
    with pytest.raises(NotFound):
        store.update(999, captions=[])


def test_captions_by_hand_join_those_of_a_replaced_image(store: Store, entry: Entry) -> None:
    [image] = store.write([entry("/a", captions=(caption("one"), caption("two")), tags=("x",))])
    ids = {one.caption: one.id for one in store.page(after=0, limit=9, kind="caption")}
    more = CaptionEntry("two", None), caption("three")
    assert store.write([entry("/a", captions=more, tags=("y",))]) == [image]
    assert store.item(image).tags == ("x", "y")
    assert captions_of(store, image) == ("one", "two", "three")
    assert store.words_of([image])[image].captions == by_hand(["one", "two", "three"])
    left = {one.caption: one.id for one in store.page(after=0, limit=9, kind="caption")}
    assert {text: left[text] for text in ids} == ids


def test_captions_and_tags_are_updated_together(store: Store, entry: Entry) -> None:
    [image] = store.write([entry("/a", captions=(caption("one"),), tags=("x",))])
    bad = CaptionEntry("bad", np.full(4, np.nan, dtype=np.float32))
    with pytest.raises(Unstorable):
        store.update(image, captions=[bad], tags=["y"])
    assert (captions_of(store, image), store.item(image).tags) == (("one",), ("x",))
    store.update(image, captions=[caption("two")], tags=["y"])
    assert (captions_of(store, image), store.item(image).tags) == (("two",), ("y",))


def test_a_removed_caption_leaves_its_image(store: Store, entry: Entry) -> None:
    [image] = store.write([entry("/a", captions=(caption("one"), caption("two")))])
    first = store.page(after=0, limit=1, kind="caption")[0]
    assert store.remove([first.id]) == 1
    assert store.item(image).caption == "two"
    assert captions_of(store, image) == ("two",)


def test_the_same_caption_alone_keeps_its_id(store: Store) -> None:
    first = store.write_caption(caption("words"), ["a"])
    assert store.write_caption(caption("words"), ["b"]) == first
    assert store.item(first).tags == ("a", "b")
    assert store.item(first).image_id is None
    assert store.write_caption(caption("others")) != first


def test_tags_are_set_and_counted(store: Store, entry: Entry) -> None:
    first, second = store.write([entry("/a", tags=("x", "y")), entry("/b", tags=("x",))])
    assert store.tags() == {"x": 2, "y": 1}
    store.update(first, tags=["z"])
    assert store.item(first).tags == ("z",)
    assert store.tags() == {"x": 1, "z": 1}
    store.update(second, tags=[])
    assert store.tags() == {"z": 1}
    with pytest.raises(NotFound):
        store.update(999, tags=["z"])


def test_words_follow_the_files_that_say_them(store: Store, entry: Entry) -> None:
    said = reading({"said": {"/a.txt"}}, tag={"/a.txt"})
    [image] = store.write([entry("/a", reading=said, captions=(caption("said"),))])
    [plain] = store.write([entry("/b", reading=reading())])
    assert store.described_by_files() == {image}
    assert store.words_of([image, plain]) == {image: said.words, plain: Words()}
    store.describe([(image, reading({"now": {"/a.txt"}}), [caption("now")])])
    assert captions_of(store, image) == ("now",)
    assert store.item(image).tags == ()
    store.describe([(image, reading(), []), (999, said, [caption("said")])])
    assert captions_of(store, image) == ()
    assert store.described_by_files() == set()


def test_what_was_said_by_hand_stays(store: Store, entry: Entry) -> None:
    [image] = store.write([entry("/a", captions=(caption("by hand"),), tags=("mine",))])
    assert store.words_of([image])[image] == Words(by_hand(["by hand"]), by_hand(["mine"]))
    said = reading({"said": {"/a.txt"}, "unknown": {"/a.txt"}}, mine={"/a.txt"})
    store.describe([(image, said, [caption("said")])])
    assert set(captions_of(store, image)) == {"by hand", "said"}
    assert store.words_of([image])[image].tags == {"mine": {BY_HAND, "/a.txt"}}
    store.describe([(image, reading(), [])])
    assert captions_of(store, image) == ("by hand",)
    assert store.item(image).tags == ("mine",)


# -- files ---------------------------------------------------------------------------


def test_files_are_known_by_their_marks(store: Store, entry: Entry) -> None:
    first, second = store.write([entry("/a", mark=(1, 2, 3)), entry("/b")])
    known = store.known_files()
    assert (known["/a"].id, known["/a"].sha256) == (first, "content of /a")
    assert (known["/a"].bytes, known["/a"].mtime_ns, known["/a"].mark) == (99, 7, (1, 2, 3))
    assert known["/b"].mark is None
    assert store.known_among(["/a", "/c", "/nul\0"]) == {"/a": known["/a"]}
    store.mark_files([(second, (4, 5, 6)), (999, (7, 8, 9))])
    assert store.known_files()["/b"].mark == (4, 5, 6)


def test_an_image_moves_with_its_captions(store: Store, entry: Entry) -> None:
    [image] = store.write([entry("/a", captions=(caption("it"),))], [Failure("/b", "E", "why")])
    store.move([(image, "/b", 8, (1, 2, 3)), (999, "/c", 8, (1, 2, 3))])
    assert {item.path for item in store.page(after=0, limit=9, kind=None)} == {"/b"}
    assert store.item(image).mtime_ns == 8
    assert store.known_files()["/b"].mark == (1, 2, 3)
    assert store.failures() == []


def test_no_two_images_lie_at_one_path(store: Store, entry: Entry) -> None:
    first, _ = store.write([entry("/a"), entry("/b")])
    with pytest.raises(Unstorable):
        store.move([(first, "/b", 8, (1, 2, 3))])
    assert store.item(first).path == "/a"


def test_failures_last_until_their_path_succeeds(store: Store, entry: Entry) -> None:
    failures = [Failure(path, "ImageError", f"{path}: why") for path in ("/b", "/a")]
    store.write([], failures)
    store.write([], [Failure("/b", "LimitError", "/b: another reason")])
    assert [(one.name, one.code) for one in store.failures()] == [
        ("/a", "ImageError"), ("/b", "LimitError"),
    ]  # fmt: skip
    store.write([entry("/a")])
    assert [one.name for one in store.failures()] == ["/b"]
    store.forget_failures(lambda path: path == "/b")
    assert store.failures() == []


def test_what_is_kept_out_is_remembered(store: Store, entry: Entry) -> None:
    store.write([entry("/a", mark=(5, 6, 7))])
    store.keep_out({"/a": KeptOut("content of /a"), "/folder": KeptOut(None)})
    assert store.kept_out() == {"/a": KeptOut("content of /a", 5), "/folder": KeptOut(None)}
    store.let_in(["/a", "/none"])
    assert store.kept_out() == {"/folder": KeptOut(None)}


# -- the whole -----------------------------------------------------------------------


def test_a_new_store_is_sound_and_itself(empty: Store) -> None:
    assert empty.name
    assert len(empty.identity) == 32
    assert empty.identity == empty.identity
    assert empty.check() == []
    assert empty.troubles() == []
    assert empty.notes() == ()


def test_only_one_at_a_time(store: Store) -> None:
    with store.exclusive("indexing"):
        with pytest.raises(StoreBusy, match="indexing"), store.exclusive("indexing"):
            pytest.fail("two at once")
        with store.exclusive("publishing"), store.exclusive("uploading", part="ab" * 32):
            with pytest.raises(StoreBusy), store.exclusive("uploading", part="ab" * 32):
                pytest.fail("two at once")
            with store.exclusive("uploading", part="cd" * 32):
                pass


@pytest.mark.parametrize("purpose", ["indexing", "publishing", "uploading"])
def test_the_place_is_free_after_an_error(store: Store, purpose: Purpose) -> None:
    of: Any = {"part": "ab" * 32} if purpose == "uploading" else {}
    with pytest.raises(RuntimeError, match="meanwhile"), store.exclusive(purpose, **of):
        raise RuntimeError("meanwhile")
    with store.exclusive(purpose, **of):
        pass


def test_others_may_write_meanwhile(store: Store, entry: Entry) -> None:
    with store.exclusive("indexing"), store.exclusive("publishing"):
        store.write([entry("/a")])
    assert store.count() == 1
