"""A collection follows its watched folders; steps and times are the test's own."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmembed.collection.collection import Collection
from mmembed.errors import InputError, StoreError
from mmembed.ingest.watch import Note
from tests.fake_encoder import FakeEncoder
from tests.ingest.outcomes import captions, ids, tags
from tests.watched_folders import Watched

MakePicture = Callable[..., Path]
Index = Callable[..., Any]


def watching(collection: Collection, photos: Path, **options: Any) -> Watched:
    return Watched(collection, photos, **options)


@pytest.fixture
def indexed(index: Index, picture: MakePicture, photos: Path) -> Path:
    picture("red.png", "red").with_suffix(".txt").write_text("a red one")
    picture("deep/blue.png", "blue")
    index()
    return photos


def test_every_change_is_followed(
    collection: Collection, indexed: Path, picture: MakePicture, encoder: FakeEncoder
) -> None:
    watched = watching(collection, indexed)
    assert watched.after() == []
    before = ids(collection)
    encoder.batches.clear()
    picture("new/green.png", "green")
    (indexed / "deep" / "blue.png").rename(indexed / "moved.png")
    (indexed / "red.txt").write_text("another text")
    told = watched.after(20)
    assert sorted(told) == [("added", "green.png"), ("captions", ""), ("moved", "moved.png")]
    assert ids(collection)["moved.png"] == before["blue.png"]
    assert captions(collection, "red.png") == ("another text",)
    assert encoder.batches == [1, 1]  # the new picture, and the new caption
    picture("red.png", "black")
    assert watched.after() == [("changed", "red.png")]
    assert ids(collection)["red.png"] == before["red.png"]
    (indexed / "red.txt").unlink()
    assert watched.after(20) == [("captions", "")]
    assert captions(collection, "red.png") == ()


def test_a_folder_that_is_renamed_keeps_ids_captions_and_tags(
    collection: Collection, indexed: Path, picture: MakePicture, encoder: FakeEncoder
) -> None:
    watched = watching(collection, indexed)
    before = ids(collection)
    collection.update(before["blue.png"], tags=["sea"], captions=["by hand"])
    encoder.batches.clear()
    (indexed / "deep").rename(indexed / "other")
    assert watched.after(20) == [("moved", "blue.png")]
    assert ids(collection) == before
    assert (tags(collection, "blue.png"), encoder.batches) == (("sea",), [])
    assert captions(collection, "blue.png") == ("by hand",)


def test_a_file_that_takes_anothers_place(collection: Collection, indexed: Path) -> None:
    watched = watching(collection, indexed)
    before = ids(collection)
    (indexed / "deep" / "blue.png").replace(indexed / "red.png")
    told = watched.after(20)
    assert told[0][1] == "red.png"
    assert collection.store.content("image", "none") is None
    [item] = [one for one in collection.items(limit=9, kind="image") if one.path
              and Path(one.path).exists()]  # fmt: skip
    assert item.sha256 == collection.item(before["blue.png"]).sha256


def test_a_move_between_disks_is_a_move(
    collection: Collection, indexed: Path, picture: MakePicture
) -> None:
    """The copy is there first, and the original goes later."""
    watched = watching(collection, indexed)
    before = ids(collection)
    collection.update(before["blue.png"], tags=["sea"])
    shutil.copy(indexed / "deep" / "blue.png", indexed / "copy.png")
    assert watched.after() == [("added", "copy.png")]
    (indexed / "deep" / "blue.png").unlink()
    assert watched.after(20) == [("moved", "copy.png")]
    assert ids(collection) == {"red.png": before["red.png"], "copy.png": before["blue.png"]}
    assert tags(collection, "copy.png") == ("sea",)


def test_a_deleted_files_picture_stays_and_returns(
    collection: Collection, indexed: Path, picture: MakePicture
) -> None:
    watched = watching(collection, indexed)
    before = ids(collection)
    shutil.rmtree(indexed / "deep")
    assert watched.after(60) == [("gone", "blue.png")]
    assert ids(collection) == before
    picture("deep/blue.png", "blue")
    assert watched.after(20) == [("back", "blue.png")]
    assert ids(collection) == before


def test_a_deleted_files_picture_leaves_where_that_is_wished(
    collection: Collection, indexed: Path
) -> None:
    watched = watching(collection, indexed, remove_missing=True)
    shutil.rmtree(indexed / "deep")
    assert watched.after(60) == [("removed", "blue.png")]
    assert list(ids(collection)) == ["red.png"]


@pytest.mark.parametrize("remove_missing", [False, True])
def test_pictures_of_a_folder_that_vanishes_stay(
    collection: Collection, indexed: Path, picture: MakePicture, remove_missing: bool
) -> None:
    watched = watching(collection, indexed, remove_missing=remove_missing)
    before = ids(collection)
    away = indexed.with_name("away")
    indexed.rename(away)
    assert watched.after(60) == [("away", "photos")]
    indexed.mkdir()
    assert watched.after(60) == []
    picture("red.png", "red")
    assert watched.after(60)[0] == ("back", "photos")
    shutil.rmtree(indexed)
    away.rename(indexed)
    watched.after(60)
    assert ids(collection) == before


def test_a_picture_that_comes_back_elsewhere_is_known_by_its_content(
    collection: Collection, indexed: Path, picture: MakePicture
) -> None:
    watched = watching(collection, indexed)
    before = ids(collection)
    (indexed / "deep" / "blue.png").unlink()
    assert watched.after(60) == [("gone", "blue.png")]
    picture("later/azure.png", "blue")
    assert watched.after(20) == [("moved", "azure.png")]
    assert ids(collection)["azure.png"] == before["blue.png"]


def test_manifests_are_followed(collection: Collection, indexed: Path) -> None:
    watched = watching(collection, indexed)
    (indexed / "captions.csv").write_text("file_name,caption\ndeep/blue.png,so blue\n")
    assert watched.after() == [("captions", "")]
    assert captions(collection, "blue.png") == ("so blue",)
    assert captions(collection, "red.png") == ("a red one",)
    (indexed / "deep" / "blue.png").touch()
    assert watched.after() == []
    assert captions(collection, "blue.png") == ("so blue",)


def test_a_broken_file_is_tried_again_when_it_is_whole(
    collection: Collection, indexed: Path, picture: MakePicture
) -> None:
    watched = watching(collection, indexed)
    whole = picture("green.png", "green").read_bytes()
    (indexed / "green.png").write_bytes(whole[:40])
    assert watched.after(30) == [("failed", "green.png")]
    (indexed / "green.png").write_bytes(whole)
    assert watched.after() == [("added", "green.png")]
    assert collection.store.failures() == []


def test_what_is_ignored_or_kept_out_stays_out(
    collection: Collection, indexed: Path, picture: MakePicture
) -> None:
    watched = watching(collection, indexed)
    collection.remove_path(indexed / "red.png", ignore=True)
    collection.remove_path(indexed / "deep", keep_out=True)
    shutil.copy(indexed / "red.png", indexed / "copy.png")
    picture("deep/green.png", "green")
    assert watched.after(20) == []
    assert ids(collection) == {}


def test_while_the_store_refuses_nothing_is_lost(
    collection: Collection, indexed: Path, picture: MakePicture, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = watching(collection, indexed)
    picture("green.png", "green")

    def refuse(*_: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(collection.store, "write", refuse)
    assert watched.after(30) == [("waiting", "")]
    monkeypatch.undo()
    assert watched.after(60) == [("added", "green.png")]


def test_watching_indexes_first_and_ends_when_it_is_told_to(
    collection: Collection, index: Index, picture: MakePicture, photos: Path
) -> None:
    picture("red.png")
    ending, notes = threading.Event(), list[Note]()

    def first() -> None:
        index()
        ending.set()

    collection.watch([photos], notes.append, poll_s=5, ending=ending, first=first)
    assert [note.what for note in notes] == ["polling"]
    assert list(ids(collection)) == ["red.png"]


@pytest.mark.parametrize("place", ["s3://bucket/photos", "red.png"])
def test_only_folders_of_this_machine_are_watched(
    collection: Collection, picture: MakePicture, photos: Path, place: str
) -> None:
    picture("red.png")
    wanted = place if "://" in place else photos / place
    with pytest.raises(InputError, match="only folders of this machine"):
        collection.watch([wanted], print)
    with pytest.raises(InputError, match="at least"):
        collection.watch([photos], print, poll_s=float("nan"))
