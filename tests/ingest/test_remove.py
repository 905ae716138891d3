"""Pictures leave the collection by their path, and stay out where that is wanted."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mmembed.collection.collection import Collection
from mmembed.errors import StoreBusy
from mmembed.ingest import Removed, Report
from tests.folder_store import folder_store
from tests.ingest.outcomes import counts, ids

MakePicture = Callable[..., Path]
Index = Callable[..., Report]


@pytest.fixture
def indexed(index: Index, picture: MakePicture, photos: Path) -> Path:
    """Pictures in folders `phone`, `phone 2` and `deep/er`, some with captions."""
    picture("phone/red.png").with_suffix(".txt").write_text("one\ntwo")
    picture("phone/blue.png", "blue")
    picture("phone 2/green.png", "green")
    picture("deep/er/black.png", "black").with_suffix(".txt").write_text("three")
    index()
    return photos


def test_a_folder_that_is_gone_is_taken_out(
    collection: Collection, index: Index, indexed: Path
) -> None:
    shutil.rmtree(indexed / "phone")
    assert collection.remove_path(indexed / "phone", dry_run=True) == Removed(2, 2, 0)
    assert collection.store.count() == 7
    assert collection.remove_path(indexed / "phone") == Removed(2, 2, 0)
    assert sorted(ids(collection)) == ["black.png", "green.png"]
    assert collection.store.count("caption") == 1
    assert collection.remove_path(indexed / "phone") == Removed(0, 0, 0)


def test_one_file_is_taken_out_and_its_file_stays(
    collection: Collection, index: Index, indexed: Path
) -> None:
    red = indexed / "phone" / "red.png"
    assert collection.remove_path(red) == Removed(1, 2, 0)
    assert red.exists()
    assert counts(index()) == {"embedded": 1, "unchanged": 3}


def test_failures_go_too(collection: Collection, index: Index, photos: Path) -> None:
    (photos / "broken.png").touch()
    index()
    assert collection.store.failures()
    collection.remove_path(photos)
    assert collection.store.failures() == []


def test_uploads_stay(collection: Collection, index: Index, indexed: Path, tmp_path: Path) -> None:
    upload = collection.add_image((indexed / "phone" / "red.png").read_bytes(), name="up")
    assert collection.remove_path(tmp_path) == Removed(4, 3, 1)
    assert collection.store.item(upload.id).id == upload.id
    assert Path(str(collection.store.item(upload.id).path)).exists()


@pytest.mark.parametrize("what", ["phone", "phone/red.png"])
def test_what_is_kept_out_stays_out_until_it_is_let_in(
    collection: Collection, index: Index, indexed: Path, what: str
) -> None:
    count = 2 if what == "phone" else 1
    assert collection.remove_path(indexed / what, keep_out=True).images == count
    report = index()
    assert (report.embedded, report.copies, report.kept_out) == (0, 0, 1)
    assert (indexed / what).exists()
    (indexed / what).touch()
    assert index().kept_out == 1
    report = index(indexed / what)
    assert (report.total, report.kept_out) == (0, 1)
    assert len(ids(collection)) == 4 - count
    assert counts(index(include_removed=True)) == {"embedded": count, "unchanged": 4 - count}
    assert counts(index()) == {"unchanged": 4}


def test_a_file_that_is_kept_out_may_move(
    collection: Collection, index: Index, indexed: Path
) -> None:
    red = indexed / "phone" / "red.png"
    collection.remove_path(red, keep_out=True)
    moved = red.rename(indexed / "elsewhere.png")
    for _ in range(2):
        report = index()
        assert (report.embedded, report.copies, report.kept_out) == (0, 0, 1)
    moved.rename(red.with_name("again.png"))
    assert index().kept_out == 1
    assert "again.png" not in ids(collection)


def test_a_copy_of_what_is_kept_out_is_another_file(
    collection: Collection, index: Index, indexed: Path
) -> None:
    red = indexed / "phone" / "red.png"
    collection.remove_path(red, keep_out=True)
    shutil.copy(red, indexed / "copy.png")
    report = index()
    assert (report.embedded, report.kept_out) == (1, 1)
    assert "copy.png" in ids(collection)


def test_a_copy_of_what_moved_is_another_file(
    collection: Collection, index: Index, indexed: Path
) -> None:
    red = indexed / "phone" / "red.png"
    collection.remove_path(red, keep_out=True)
    moved = red.rename(indexed / "elsewhere.png")
    assert index().kept_out == 1
    shutil.copy(moved, indexed / "copy.png")
    report = index()
    assert (report.embedded, report.kept_out) == (1, 1)
    assert "elsewhere.png" not in ids(collection)
    assert "copy.png" in ids(collection)


@pytest.mark.parametrize("by", ["path", "id"])
@pytest.mark.parametrize("left", ["nothing", "an empty folder"])
def test_what_is_kept_out_on_a_disk_that_is_not_mounted_has_not_moved(
    collection: Collection, index: Index, indexed: Path, by: str, left: str, tmp_path: Path
) -> None:
    """A copy of it elsewhere is another picture then, too."""
    red = indexed / "phone" / "red.png"
    if by == "path":
        collection.remove_path(red, keep_out=True)
    else:
        item = collection.store.item(ids(collection)["red.png"])
        collection.keep_out(item.id)
        collection.remove(item.id)
    shutil.copy(red, indexed / "copy.png")
    (indexed / "phone").rename(tmp_path / "another disk")
    if left != "nothing":
        (indexed / "phone").mkdir()
    with folder_store(collection)._transaction() as db:  # as if `phone` were on another one
        assert db.execute("UPDATE kept_out SET device = device + 1").rowcount == 1
    assert index().embedded == 1
    assert "copy.png" in ids(collection)


def test_a_whole_folder_with_what_is_kept_out_may_move(
    collection: Collection, index: Index, indexed: Path
) -> None:
    collection.remove_path(indexed / "phone" / "red.png", keep_out=True)
    (indexed / "phone").rename(indexed / "telephone")
    report = index()
    assert (report.embedded, report.kept_out) == (0, 1)
    assert "red.png" not in ids(collection)


def test_new_files_in_a_folder_that_is_kept_out_stay_out(
    collection: Collection, index: Index, indexed: Path, picture: MakePicture
) -> None:
    collection.remove_path(indexed / "phone", keep_out=True)
    picture("phone/new.png", "pink")
    picture("phone 3/new.png", "purple")
    report = index()
    assert (report.embedded, report.kept_out) == (1, 1)


def test_an_item_is_kept_out_by_its_id(collection: Collection, index: Index, indexed: Path) -> None:
    item = collection.store.item(ids(collection)["red.png"])
    collection.keep_out(item.id)
    collection.remove(item.id)
    report = index()
    assert (report.embedded, report.kept_out) == (0, 1)


def test_nothing_is_removed_beside_an_indexing(collection: Collection, indexed: Path,
                                               open_collection: Callable[..., Collection],
                                               ) -> None:  # fmt: skip
    other = open_collection()
    refused = []

    def during(done: int, total: int, failed: int) -> None:
        try:
            other.remove_path(indexed)
        except StoreBusy as error:
            refused.append(str(error))

    collection.index([indexed], progress=during)
    assert refused
    assert len(ids(collection)) == 4
