"""Files that nothing points to are collected, and no others."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmembed.collection.collection import Collection
from mmembed.store import orphan_files, thumbnail_cache, uploads
from tests.collection.uploaded_files import RED, OpenCollection, aged, files_of
from tests.serving import picture

HASH = hashlib.sha256(RED).hexdigest()
WEEK_S = orphan_files.UNCLAIMED_S


@pytest.fixture
def filled(collection: Collection) -> Iterator[Collection]:
    collection.add_image(RED, name="a")
    yield collection
    [item] = collection.store.page(after=0, limit=9, kind="image")
    with collection.original(item.id).file as file:
        assert file.read() == RED


def put(collection: Collection, name: str, content: bytes = b"x") -> Path:
    path = collection.settings.data / uploads.FOLDER / name[:2] / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_files_that_are_not_whole_are_collected(filled: Collection) -> None:
    old = [
        aged(put(filled, f"{HASH}.png.0123.new"), orphan_files.ASIDE_S + 1),
        aged(put(filled, "tmpabc.new"), orphan_files.ASIDE_S + 1),  # as they were called once
    ]
    young = put(filled, f"{HASH}.png.4567.new")
    filled.collect_leftovers()
    assert not any(path.exists() for path in old)
    assert young.exists()


def test_removals_and_uploads_that_were_interrupted_are_ended(filled: Collection) -> None:
    strange = "ab" * 32 + ".png"
    removed = put(filled, strange + uploads.GONE)
    unfinished, pending = put(filled, "cd" * 32 + ".png"), put(filled, "cd" * 32 + ".png.pending")
    filled.collect_leftovers()
    assert not any(path.exists() for path in (removed, unfinished, pending))
    [item] = filled.store.page(after=0, limit=9, kind="image")
    path = Path(item.path or "")
    path.rename(path.with_name(path.name + uploads.GONE))
    put(filled, path.name + uploads.PENDING)
    filled.collect_leftovers()
    assert files_of(filled) == [path.name]


def test_what_is_in_progress_is_left_alone(filled: Collection) -> None:
    removed = put(filled, "ab" * 32 + ".png" + uploads.GONE)
    with filled.store.exclusive("uploading", part="ab" * 32):
        filled.collect_leftovers()
        assert removed.exists()
    filled.collect_leftovers()
    assert not removed.exists()


def test_an_upload_that_no_item_points_to_stays_for_a_week(
    filled: Collection, caplog: pytest.LogCaptureFixture
) -> None:
    """It may be one whose item a damaged or restored catalog has lost."""
    orphan = aged(put(filled, "ab" * 32 + ".png"), 10 * WEEK_S)
    filled.collect_leftovers()
    assert orphan.exists()
    assert "uploads that belong to no item: 1;" in caplog.text
    mark = aged(orphan.with_name(orphan.name + orphan_files.UNCLAIMED), WEEK_S + 1)
    filled.collect_leftovers()
    assert not orphan.exists()
    assert not mark.exists()


def test_uploads_of_a_data_folder_that_was_moved_are_shown_and_not_left_over(
    open_collection: OpenCollection, tmp_path: Path
) -> None:
    collection = open_collection()
    item = collection.add_image(RED, name="a")
    name = Path(item.path or "").name
    collection.close()
    (tmp_path / "data").rename(tmp_path / "elsewhere")
    moved = open_collection(data=tmp_path / "elsewhere")
    aged(put(moved, name + orphan_files.UNCLAIMED), WEEK_S + 1)
    put(moved, name + uploads.PENDING)
    for _ in range(2):  # the first settles what was pending
        moved.collect_leftovers()
    assert files_of(moved) == [name]
    with moved.original(item.id).file as file:
        assert file.read() == RED
    assert moved.thumbnail(item.id, 320)


@pytest.mark.parametrize("exclude", [(), ("data/",), ("*",)])
def test_indexing_what_holds_the_data_folder_leaves_uploads_alone(
    open_collection: OpenCollection, tmp_path: Path, exclude: tuple[str, ...]
) -> None:
    collection = open_collection(exclude=exclude)
    collection.add_image(RED, name="a")
    report = collection.index([tmp_path], progress=lambda *_: None)
    assert (report.total, report.removed) == (0, 0)
    assert collection.store.count("image") == 1


def test_an_upload_that_found_its_item_again_is_not_deleted(filled: Collection) -> None:
    [item] = filled.store.page(after=0, limit=9, kind="image")
    mark = aged(put(filled, Path(item.path or "").name + orphan_files.UNCLAIMED), WEEK_S + 1)
    filled.collect_leftovers()
    assert not mark.exists()


def test_an_empty_catalog_makes_no_upload_a_leftover(collection: Collection) -> None:
    orphan = put(collection, "ab" * 32 + ".png")
    aged(put(collection, "ab" * 32 + ".png" + orphan_files.UNCLAIMED), WEEK_S + 1)
    collection.collect_leftovers()
    assert orphan.exists()


def test_uploads_whose_items_are_lost_come_back_by_indexing_their_folder(
    filled: Collection,
) -> None:
    folder = filled.settings.data / uploads.FOLDER
    blue = picture("blue")
    path = put(filled, hashlib.sha256(blue).hexdigest() + ".png", blue)
    report = filled.index([folder], progress=lambda *_: None)
    assert (report.total, report.embedded, report.copies) == (2, 1, 1)
    [one] = [i for i in filled.store.page(after=0, limit=9, kind="image") if i.path == str(path)]
    filled.remove(one.id)
    assert not path.exists()


def test_nothing_else_is_deleted(filled: Collection) -> None:
    mine = [
        aged(put(filled, name), 100 * WEEK_S)
        for name in ("notes.txt", "ab" * 31 + ".png", "AB" * 32 + ".png")
    ]
    filled.collect_leftovers()
    assert all(path.exists() for path in mine)


def test_thumbnails_of_files_that_are_gone_are_collected_after_indexing(
    open_collection: OpenCollection, photos: Path
) -> None:
    collection = open_collection(thumbnails=True)
    for colour in ("red", "blue"):
        (photos / f"{colour}.png").write_bytes(picture(colour))
    collection.index([photos], progress=lambda *_: None)
    folder = thumbnail_cache.folder_in(collection.settings.data)
    [red, _] = sorted(folder.rglob("*.webp"), key=lambda path: HASH not in path.name)
    red.with_name(f"{HASH}-320-v1.webp").write_bytes(b"of an old version")
    for path in folder.rglob("*.webp"):
        aged(path, orphan_files.ASIDE_S + 1)
    (photos / "blue.png").unlink()
    collection.index([photos], progress=lambda *_: None)
    assert list(folder.rglob("*.webp")) == [red]
