"""Moving duplicates where files, folders and disks are not as they should be."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from mmembed import files
from mmembed.collection.collection import Collection
from mmembed.collection.move_duplicates import MovedDuplicates
from mmembed.errors import InputError
from mmembed.explore.duplicates import move_log
from mmembed.explore.duplicates.entries import DuplicateGroup
from mmembed.ingest import Report
from tests.photographs import jpeg, photograph

Index = Callable[..., Report]
PICTURES = ("a.jpg", "b.jpg", "c.jpg")
"""Equal files, of which the first is kept."""


def quiet(done: int, total: int, failed: int) -> None:
    """Shows nothing."""


@pytest.fixture
def equal(photos: Path, index: Index) -> bytes:
    """Three equal files and another picture, which are indexed."""
    content = jpeg(photograph(0, (96, 64)))
    for name in PICTURES:
        (photos / name).write_bytes(content)
    (photos / "other.jpg").write_bytes(jpeg(photograph(1, (96, 64))))
    index()
    return content


@pytest.fixture
def spare(tmp_path: Path) -> Path:
    return tmp_path / "spare"


def paths(collection: Collection) -> set[str]:
    return {item.path or "" for item in collection.items(limit=100, kind="image")}


def told(moved: MovedDuplicates) -> str:
    return " ".join(failure.message for failure in moved.failures)


def identical(collection: Collection) -> list[DuplicateGroup]:
    return [group for group in collection.duplicates().groups if group.kind == "identical"]


# -- the picture to keep ---------------------------------------------------------------


def test_a_file_that_is_there_by_a_link_is_not_taken_from_both_places(
    equal: bytes, collection: Collection, index: Index, photos: Path, spare: Path, tmp_path: Path
) -> None:
    for name in PICTURES[1:]:
        (photos / name).unlink()
    linked = tmp_path / "linked"
    linked.symlink_to(photos)
    index(photos, linked)
    assert len(identical(collection)) == 2
    moved = collection.move_duplicates(spare)
    assert (moved.pictures, len(moved.failures)) == (0, 2)
    assert "by a link" in told(moved)
    assert (photos / "a.jpg").read_bytes() == equal


def test_a_hard_link_is_a_file_of_its_own(
    equal: bytes, collection: Collection, index: Index, photos: Path, spare: Path
) -> None:
    (photos / "b.jpg").unlink()
    os.link(photos / "a.jpg", photos / "b.jpg")
    index()
    moved = collection.move_duplicates(spare)
    assert (moved.pictures, moved.failures) == (2, [])
    assert (photos / "a.jpg").read_bytes() == equal


def test_nothing_moves_for_the_sake_of_a_picture_that_has_changed(
    equal: bytes, collection: Collection, photos: Path, spare: Path
) -> None:
    (photos / "a.jpg").write_bytes(b"overwritten since")
    moved = collection.move_duplicates(spare)
    assert moved.pictures == 0
    assert "of the picture to keep, " in told(moved)
    assert {path.name for path in photos.iterdir()} == {*PICTURES, "other.jpg"}


def test_a_large_group_is_described_in_part(equal: bytes, collection: Collection) -> None:
    [whole] = collection.described_duplicates(identical(collection))
    assert (len(whole.others), whole.total_others) == (2, 2)
    [part] = collection.described_duplicates(identical(collection), 1)
    assert (part.others, part.total_others) == (whole.others[:1], 2)
    assert part.spare_bytes == whole.spare_bytes == 2 * len(equal)


# -- the folder ------------------------------------------------------------------------


@pytest.mark.parametrize("folder", ["", "..", "/"])
def test_a_folder_of_pictures_is_none_for_duplicates(
    equal: bytes, collection: Collection, photos: Path, folder: str
) -> None:
    """They would never be looked at again."""
    for dry_run in (True, False):
        with pytest.raises(InputError, match="holds 4 pictures of the collection"):
            collection.move_duplicates(photos / folder, dry_run=dry_run)
    assert len(identical(collection)) == 1
    assert len(list(photos.iterdir())) == 4


def test_a_folder_that_holds_one_for_duplicates_may_be_one(
    equal: bytes, collection: Collection, index: Index, photos: Path, spare: Path
) -> None:
    collection.move_duplicates(spare / "first")
    (photos / "d.jpg").write_bytes(equal)
    index()
    assert collection.move_duplicates(spare).pictures == 1


def test_a_folder_from_which_all_came_back_is_looked_at_again(
    equal: bytes, collection: Collection, index: Index, spare: Path
) -> None:
    moved = collection.move_duplicates(spare)
    assert moved.log is not None
    assert move_log.folders_of_moves(collection.store) == {str(spare)}
    collection.undo_moves(moved.log, quiet)
    assert move_log.folders_of_moves(collection.store) == set()
    for name in PICTURES:
        (spare / name).write_bytes(jpeg(photograph(7, (96, 64))))
    index(spare)
    assert len(identical(collection)) == 2


def test_a_folder_that_cannot_be_written_is_not_remembered(
    equal: bytes, collection: Collection, spare: Path
) -> None:
    spare.write_bytes(b"a file")
    with pytest.raises(InputError, match="cannot be written"):
        collection.move_duplicates(spare)
    assert move_log.folders_of_moves(collection.store) == set()


def test_a_full_disk_ends_the_moves_and_the_log_stays_whole(
    equal: bytes, collection: Collection, photos: Path, spare: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    sync, calls = files.sync, iter(range(100))

    def full(file: BinaryIO) -> None:
        if file.name != str(log()) or next(calls) == 0:
            return sync(file)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def log() -> Path | None:
        return next(spare.glob("*.jsonl"), None)

    monkeypatch.setattr(files, "sync", full)
    moved = collection.move_duplicates(spare)
    assert (moved.pictures, moved.log) == (1, log())
    assert "No space left on device; no further picture was moved" in told(moved)
    assert len(list(photos.glob("*.jpg"))) == 3
    monkeypatch.undo()
    assert moved.log is not None
    assert len(move_log.read_log(moved.log)) == 1
    assert collection.undo_moves(moved.log, quiet).pictures == 1
    assert {path.name for path in photos.iterdir()} == {*PICTURES, "other.jpg"}


def test_what_a_copy_carries_besides_its_content_goes_with_it(
    equal: bytes, collection: Collection, photos: Path, spare: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Between file systems: times, mode and extended attributes."""

    def across(path: Path, to: Path) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), str(path))

    carried: list[tuple[str, str]] = []
    copystat = shutil.copystat

    def noted(source: str, target: str) -> None:
        carried.append((source, target))
        copystat(source, target)

    (photos / "b.jpg").chmod(0o640)
    monkeypatch.setattr(files, "move", across)
    monkeypatch.setattr(shutil, "copystat", noted)
    assert collection.move_duplicates(spare).pictures == 2
    [there] = spare.rglob("b.jpg")
    assert there.stat().st_mode & 0o777 == 0o640
    assert (str(photos / "b.jpg"), str(there)) in carried


# -- what the collection knows ---------------------------------------------------------


def test_spare_files_may_be_deleted_and_new_ones_moved_to_their_places(
    equal: bytes, collection: Collection, index: Index, photos: Path, spare: Path
) -> None:
    """The collection still has pictures of those paths."""
    collection.move_duplicates(spare)
    for path in spare.rglob("*.jpg"):
        path.unlink()
    (photos / "b.jpg").write_bytes(equal)
    index()
    moved = collection.move_duplicates(spare)
    assert (moved.pictures, moved.failures) == (1, [])
    [there] = spare.rglob("*.jpg")
    assert there.name == "b (2).jpg"
    assert str(there) in paths(collection)


def test_pictures_that_were_indexed_anew_come_back_too(
    equal: bytes, collection: Collection, index: Index, photos: Path, spare: Path
) -> None:
    before = paths(collection)
    moved = collection.move_duplicates(spare)
    for item in collection.items(limit=100, kind="image"):
        if (item.path or "").startswith(str(spare)):
            collection.remove(item.id)
    index(spare)
    assert moved.log is not None
    assert collection.undo_moves(moved.log, quiet).failures == []
    assert paths(collection) == before


def test_a_place_that_the_collection_gave_to_another_picture_is_told(
    equal: bytes, collection: Collection, index: Index, photos: Path, spare: Path
) -> None:
    moved = collection.move_duplicates(spare)
    (photos / "b.jpg").write_bytes(jpeg(photograph(5, (96, 64))))
    index()
    (photos / "b.jpg").unlink()
    assert moved.log is not None
    back = collection.undo_moves(moved.log, quiet)
    assert "index its folder again" in told(back)
    assert (photos / "b.jpg").read_bytes() == equal
    index()
    assert collection.undo_moves(moved.log, quiet).failures == []
