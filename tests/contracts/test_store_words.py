"""What every store does with the words about images."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mmembed.filters.tree import Test as Condition
from mmembed.store.entries import BY_HAND, CaptionEntry, ImageEntry, Reading, Words
from mmembed.store.protocol import Store
from mmembed.store.words import ranking
from mmembed.types import KINDS
from tests.conftest import image_entry

Entry = Callable[..., ImageEntry]


def caption(text: str) -> CaptionEntry:
    return CaptionEntry(text, np.array((1, 2, 3, 4), dtype=np.float32))


def ids(store: Store, text: str, count: int = 99) -> list[int]:
    return [int(item_id) for item_id in store.match_words(text, count).item_ids]


@pytest.fixture(scope="module")
def beach(shared: Store) -> dict[str, int]:
    """A few images with words of every kind, by name."""
    entries = {
        "caption": image_entry("/x/1.jpg", captions=(caption("Two dogs are running on a beach."),)),
        "tag": image_entry("/x/2.jpg", tags=("Café Zürich", "dog")),
        "folder": image_entry("/x/ItalyTrip_2024/IMG_0815.jpg"),
        "plain": image_entry("/x/4.jpg"),
        "japanese": image_entry("/x/5.jpg", tags=("日本語の犬", "🐶")),
    }
    return dict(zip(entries, shared.write(list(entries.values())), strict=True))


# -- what is found -------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("beach", ["caption"]),
        ("BEACH!", ["caption"]),
        ("dog", ["tag", "caption"]),
        ("run", ["caption"]),
        ("cafe zurich", ["tag"]),
        ("CAFÉ", ["tag"]),
        ("italy", ["folder"]),
        ("ItalyTrip", ["folder"]),
        ("trip 2024", ["folder"]),
        ("img_0815", ["folder"]),
        ("IMG_0815.jpg", ["folder"]),
        ("0815", ["folder"]),
        ("bea", ["caption"]),
        ("two ital", ["folder", "caption"]),
        ("本語", ["japanese"]),
        ("犬", ["japanese"]),
        ("日本語", ["japanese"]),
        ("🐶", ["japanese"]),
        ("jpg", []),
        ("nothing", []),
        ("", []),
        ("?!* \"'", []),
    ],
)
def test_words_of_every_kind_are_found(
    shared: Store, beach: dict[str, int], text: str, names: list[str]
) -> None:
    found = shared.match_words(text, 99)
    assert set(found.item_ids.tolist()) == {beach[name] for name in names}
    assert found.complete


def test_scores_are_positive_and_fall(shared: Store, beach: dict[str, int]) -> None:
    found = shared.match_words("dogs on a beach", 99)
    assert found.item_ids.dtype == np.int64
    assert found.scores.dtype == np.float64
    assert found.item_ids[0] == beach["caption"]
    assert (found.scores > 0).all()
    assert (np.diff(found.scores) <= 0).all()
    assert found.words[0] == ("dogs", "on", "a", "beach")
    assert found.words[1] == ("dogs",)
    assert 0 < found.scores[1] < found.scores[0] < 2 * found.attainable


def test_a_rare_word_weighs_more(store: Store, entry: Entry) -> None:
    tags = [("dog",)] * 5 + [("ladder",), ("cat",)]
    written = store.write([entry(f"/{n}", tags=some) for n, some in enumerate(tags)])
    assert ids(store, "dog ladder")[0] == written[5]


def test_equal_scores_lie_by_rising_id(store: Store, entry: Entry) -> None:
    written = store.write([entry(f"/{n}/a.jpg", tags=("dog",)) for n in range(6)])
    assert ids(store, "dog") == written


def test_fewer_are_the_first_of_more(store: Store, entry: Entry) -> None:
    store.write([entry(f"/{n}", tags=("dog", *["cat"] * (n % 3))) for n in range(9)])
    everything = ids(store, "dog cat")
    for count in range(1, 9):
        found = store.match_words("dog cat", count)
        assert found.item_ids.tolist() == everything[:count]
        assert not found.complete


def test_other_images_are_scored_too(shared: Store, beach: dict[str, int]) -> None:
    everything = shared.match_words("dogs on a beach", 99)
    found = shared.match_words("dogs on a beach", 1, also=[beach["tag"], beach["plain"], 999])
    assert found.item_ids.tolist() == [beach["caption"], beach["tag"]]
    assert found.scores.tolist() == everything.scores.tolist()


def test_a_filter_narrows(shared: Store, beach: dict[str, int]) -> None:
    tagged = Condition("tag", "=", "dog")
    assert shared.match_words("dog", 99, tagged).item_ids.tolist() == [beach["tag"]]
    found = shared.match_words("dog", 99, tagged, also=[beach["caption"]])
    assert set(found.item_ids.tolist()) == {beach["tag"], beach["caption"]}
    assert not len(shared.match_words("dog", 99, Condition("folder", "=", "/none")).item_ids)


def test_a_filter_that_was_not_compared_with_all_images_may_lack_some(
    store: Store, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranking, "FEW", 2)
    monkeypatch.setattr(ranking, "looked_at", lambda words: 5)
    monkeypatch.setattr(ranking, "COMPARED", 1)
    entries = [entry(f"/{n}.jpg", tags=("dog", *["cat"] * (n >= 3))) for n in range(8)]
    cats = store.write(entries)[3:]
    found = store.match_words("dog", 99, Condition("tag", "=", "cat"))
    assert not found.complete or found.item_ids.tolist() == cats


def test_captions_without_an_image_are_no_images(store: Store) -> None:
    store.write_caption(caption("a dog alone"), tags=("dog",))
    assert ids(store, "dog") == []


def test_an_upload_is_not_found_by_its_hash(store: Store, entry: Entry) -> None:
    sha256 = "ab" + "c" * 62
    with store.blobs.keeping(sha256, ".png", b"content") as upload:
        [bare] = store.write([entry(upload.path, sha256=sha256)])
    assert store.match_words("dog", 9, also=[bare]).item_ids.tolist() == []
    assert ids(store, "originals") == []
    assert ids(store, sha256[:20]) == []


# -- what changes --------------------------------------------------------------------


def test_words_follow_every_change(store: Store, entry: Entry) -> None:
    [image] = store.write([entry("/first/a.jpg", captions=(caption("a boat"),), tags=("sea",))])
    assert ids(store, "boat") == ids(store, "sea") == ids(store, "first") == [image]
    store.update(image, captions=[caption("a house")])
    assert ids(store, "boat") == []
    assert ids(store, "house") == [image]
    store.update(image, tags=["land"])
    assert ids(store, "sea") == []
    assert ids(store, "land") == [image]
    store.move([(image, "/second/a.jpg", 8, (1, 2, 3))])
    assert ids(store, "first") == []
    assert ids(store, "second") == [image]
    files = Reading(Words({"a tree": {"/a.txt"}}, {"wood": {"/a.txt"}}), lambda source: True)
    store.describe([(image, files, [caption("a tree")])])
    assert ids(store, "tree") == ids(store, "wood") == ids(store, "house") == [image]
    store.write([entry("/second/a.jpg", sha256="new", tags=("late",))])
    assert ids(store, "late") == ids(store, "tree") == [image]
    captions = store.page(after=0, limit=9, kind="caption")
    store.remove([one.id for one in captions if one.caption == "a house"])
    assert ids(store, "house") == []
    store.remove([image])
    for text in ("tree", "wood", "land", "second"):
        assert ids(store, text) == []
    assert store.check() == []
    assert BY_HAND == ""


def test_a_change_that_fails_changes_no_words(store: Store, entry: Entry) -> None:
    store.write([entry("/a", tags=("before",))])
    with pytest.raises(Exception, match="finite"):
        store.write([entry("/a", tags=("after",)), entry("/b", [np.nan, 0, 0, 0])])
    assert ids(store, "after") == []
    assert len(ids(store, "before")) == 1


# -- what is asked -------------------------------------------------------------------


@pytest.mark.slow
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.text(st.characters(), max_size=60))
@example('"')
@example("dog\0dog")
@example("\ud800dog")
@example("dog AND NOT (dog) NEAR/2 dog* ^dog -dog {words}: dog + 'dog' \"dog")
@example("dog" * 20_000)
@example("the a of")
@example("word " * 5000)
@example(" ".join(f"w{n}" for n in range(5000)))
@example("犬" * 3000)
@example("👩‍👩‍👧‍👦🏳️‍🌈")
@example("*")
@example("dog*")
@example("%_\\;--")
def test_no_text_has_a_syntax(store: Store, entry: Entry, text: str) -> None:
    if not store.count():
        store.write([entry("/x/1.jpg", tags=("dog",)), entry("/x/2.jpg")])
    found = store.match_words(text, 9)
    assert (found.scores > 0).all()
    assert set(found.item_ids.tolist()) <= {item.id for item in store.page(
        after=0, limit=9, kind="image"
    )}  # fmt: skip
    beside = store.match_words(f"{text} dog", 9)
    if len(text) < 40:
        assert len(beside.item_ids)


# -- images by captions --------------------------------------------------------------


def test_images_are_ranked_by_themselves_and_by_their_captions(store: Store, entry: Entry) -> None:
    def said(text: str, *vector: float) -> CaptionEntry:
        return CaptionEntry(text, np.array(vector, dtype=np.float32))

    near, far, plain = store.write(
        [
            entry("/a", [1, 1, 0, 0], captions=(said("x", 1, 0, 0, 0), said("y", 0, 0, 0, 1))),
            entry("/b", [1, 0, 0, 0], captions=(said("z", 1, 2, 0, 0),), tags=("t",)),
            entry("/c", [0, 1, 0, 0]),
        ]
    )
    store.write_caption(said("alone", 1, 0, 0, 0.001))
    query = np.array((1, 0, 0, 0), np.float32)
    by_image = store.nearest_images(query, 9, by="image")
    assert by_image.item_ids.tolist() == [far, near, plain]
    assert by_image.cosines.tolist() == [1.0, round(0.5**0.5, 6), 0.0]
    assert by_image.complete
    by_caption = store.nearest_images(query, 9, by="caption")
    assert by_caption.item_ids.tolist() == [near, far]
    assert by_caption.cosines.tolist() == [1.0, round(0.2**0.5, 6)]
    few = store.nearest_images(query, 1, by="image")
    assert (few.item_ids.tolist(), few.complete) == ([far], False)
    tagged = Condition("tag", "=", "t")
    for by in KINDS:
        assert store.nearest_images(query, 9, tagged, by=by).item_ids.tolist() == [far]
    assert store.described([near, far, plain, 999]) == ({near, far}, {far})
    assert [item.id for item in store.items([plain, 999, near])] == [plain, near]


def test_without_items_nothing_is_near(empty: Store) -> None:
    query = np.array((1, 0, 0, 0), np.float32)
    for by in KINDS:
        found = empty.nearest_images(query, 9, by=by)
        assert (len(found.item_ids), found.complete) == (0, True)
    assert empty.match_words("dog", 9).item_ids.tolist() == []
