"""New, changed, touched, moved, copied and deleted pictures each cost what they must."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from mmembed.collection.collection import Collection
from mmembed.ingest import pipeline
from tests.fake_encoder import FakeEncoder
from tests.folder_store import folder_store
from tests.ingest.outcomes import Index, MakePicture, captions, counts, ids, tags, three


def test_new_pictures_are_embedded_and_known_ones_are_not(
    index: Index, picture: MakePicture, encoder: FakeEncoder
) -> None:
    three(picture)
    assert counts(index()) == {"embedded": 3}
    assert encoder.batches == [3]
    picture("sub/deeper/black.png", "black")
    assert counts(index()) == {"embedded": 1, "unchanged": 3}
    assert counts(index()) == {"unchanged": 4}
    assert encoder.batches == [3, 1]


def test_a_changed_picture_keeps_its_id(
    collection: Collection, index: Index, picture: MakePicture
) -> None:
    three(picture)
    index()
    before = ids(collection)
    collection.store.update(before["red.png"], tags=["mine"])
    picture("red.png", "purple")
    assert counts(index()) == {"embedded": 1, "unchanged": 2}
    assert ids(collection) == before
    assert tags(collection, "red.png") == ("mine",)
    assert folder_store(collection).extent("image")[1] == 3


def test_a_touched_picture_is_not_embedded_again(
    index: Index, picture: MakePicture, encoder: FakeEncoder
) -> None:
    paths = three(picture)
    index()
    for path in paths:
        os.utime(path, ns=(5, 5))
    encoder.batches.clear()
    assert counts(index()) == {"touched": 3}
    assert counts(index()) == {"unchanged": 3}
    assert encoder.batches == []


def test_a_moved_picture_keeps_its_id_tags_and_captions(
    collection: Collection,
    index: Index,
    picture: MakePicture,
    photos: Path,
    encoder: FakeEncoder,
) -> None:
    red = three(picture)[0]
    red.with_suffix(".txt").write_text("a red thing")
    index()
    red_id = ids(collection)["red.png"]
    collection.store.update(red_id, tags=["mine"])
    encoder.batches.clear()
    (photos / "elsewhere").mkdir()
    red.rename(photos / "elsewhere" / "scarlet.png")
    assert counts(index()) == {"moved": 1, "unchanged": 2}
    assert encoder.batches == []
    item = collection.store.item(red_id)
    assert item.path == str(photos / "elsewhere" / "scarlet.png")
    assert (item.tags, item.captions) == (("mine",), ("a red thing",))
    assert collection.store.page(after=0, limit=9, kind="caption")[0].path == item.path
    assert collection.store.count("image") == 3


def test_a_copy_shares_the_vector(
    collection: Collection,
    index: Index,
    picture: MakePicture,
    photos: Path,
    encoder: FakeEncoder,
) -> None:
    red = picture()
    index()
    shutil.copy(red, photos / "copy.png")
    assert counts(index()) == {"copies": 1, "unchanged": 1}
    assert encoder.batches == [1]
    item = collection.store.item(ids(collection)["copy.png"])
    assert (item.width, item.height, item.format) == (16, 16, "PNG")
    assert folder_store(collection).extent("image")[1] == 1


def test_the_same_content_is_embedded_once_in_a_run(
    index: Index,
    picture: MakePicture,
    photos: Path,
    encoder: FakeEncoder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where a copy was decoded before the batch with its twin was committed."""
    monkeypatch.setattr(pipeline, "COMMIT_IMAGES", 4)
    red = picture("0.png")
    for number in range(1, 20):
        shutil.copy(red, photos / f"{number}.png")
    assert counts(index()) == {"embedded": 1, "copies": 19}
    assert sum(encoder.batches) == 1


def test_deleted_pictures_go(collection: Collection, index: Index, picture: MakePicture) -> None:
    red, *_ = three(picture)
    red.with_suffix(".txt").write_text("words")
    index()
    red.unlink()
    assert counts(index()) == {"removed": 1, "unchanged": 2}
    assert collection.store.count() == 2


def test_two_pictures_that_change_names_are_both_kept(
    collection: Collection,
    index: Index,
    picture: MakePicture,
    encoder: FakeEncoder,
) -> None:
    """Each content loses its only item before it is written under the other name."""
    red, green, _ = three(picture)
    red.with_suffix(".txt").write_text("words of red")
    green.with_suffix(".txt").write_text("words of green")
    index()
    for one, other in ((red, green), (red.with_suffix(".txt"), green.with_suffix(".txt"))):
        aside = one.with_name("aside")
        one.rename(aside)
        other.rename(one)
        aside.rename(other)
    for path in (red, green):
        os.utime(path, ns=(7, 7))
    encoder.batches.clear()
    assert counts(index()) == {"copies": 2, "unchanged": 1}
    assert encoder.batches == []
    assert captions(collection, "red.png") == ("words of green",)
    assert folder_store(collection).extent("image")[1] == 3
    assert folder_store(collection).extent("caption")[1] == 2


def test_the_old_content_of_a_changed_picture_may_live_on_elsewhere(
    collection: Collection,
    index: Index,
    picture: MakePicture,
    photos: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """«Save a copy, then edit»: the copy is committed after the original has changed."""
    monkeypatch.setattr(pipeline, "COMMIT_IMAGES", 1)
    original = picture("a.png", "red")
    index()
    shutil.copy(original, photos / "z original.png")
    picture("a.png", "blue")
    report = index()
    assert (report.embedded, report.copies, report.failures) == (1, 1, [])
    assert folder_store(collection).extent("image")[1] == 2


def test_a_single_file_may_be_indexed(
    collection: Collection, index: Index, picture: MakePicture
) -> None:
    red, *_ = three(picture)
    assert counts(index(red)) == {"embedded": 1}
    assert list(ids(collection)) == ["red.png"]


def test_folders_within_folders_are_walked_once(
    index: Index, picture: MakePicture, photos: Path
) -> None:
    picture("a/b/red.png")
    (photos / "a" / "notes.odt").touch()
    report = index(photos, photos / "a", photos / "a" / "b", photos)
    assert counts(report) == {"embedded": 1, "other": 1}
