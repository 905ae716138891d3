"""Uploads and thumbnails in an object store: what goes wrong there, and what is left behind."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pytest

from mmembed.errors import InputError, StoreError
from mmembed.store.entries import ImageEntry, Model
from mmembed.store.local_copies import LocalCopies
from mmembed.store.object_orphans import ObjectOrphans
from mmembed.store.object_store import ObjectStore, check_library
from mmembed.types import Item
from tests.object_stores import StoreWithObjects

Entry = Callable[..., ImageEntry]
DATA = b"a picture"
SHA256 = hashlib.sha256(DATA).hexdigest()
NAME = f"{SHA256}.png"
UPLOAD = f"originals/{SHA256[:2]}/{NAME}"
WEEK_S = 7 * 24 * 3600


@pytest.fixture
def store(tmp_path: Path) -> StoreWithObjects:
    made = StoreWithObjects(tmp_path)
    made.claim(Model("four", "fingerprint-of-four", 4))
    return made


@pytest.fixture
def objects(store: StoreWithObjects) -> ObjectStore:
    """The same objects, past the store."""
    return ObjectStore(store.address)


def uploaded(store: StoreWithObjects, entry: Entry) -> Item:
    with store.blobs.keeping(SHA256, ".png", DATA) as upload:
        [item_id] = store.write([entry(upload.path, sha256=SHA256, mtime_ns=upload.mtime_ns)])
    return store.item(item_id)


def names(objects: ObjectStore) -> list[str]:
    """All keys."""
    parts = [part for top in ("originals", "thumbnails") for part in objects.folders(top)]
    return sorted(stored.key for part in parts for stored in objects.objects(part))


def local(store: StoreWithObjects, item: Item) -> Path:
    assert item.path is not None
    return Path(store.blobs.local_path(item.path, SHA256))


def break_off(monkeypatch: pytest.MonkeyPatch, method: str, *, half: bool = False) -> None:
    """Every call of a method of the object store fails; half: after half of the data."""
    kind = fsspec.get_filesystem_class("memory")
    before = getattr(kind, method)

    def fail(self: Any, path: str, *rest: Any, **options: Any) -> None:
        if half:
            before(self, path, rest[0][: len(rest[0]) // 2])
        raise RuntimeError("Authorization: AWS4 AKIA-SECRET")

    monkeypatch.setattr(kind, method, fail)


def test_the_path_of_an_upload_is_its_address(store: StoreWithObjects, entry: Entry) -> None:
    item = uploaded(store, entry)
    assert item.path == f"{store.address}/{UPLOAD}"
    assert local(store, item).read_bytes() == DATA


def test_another_server_has_the_upload_without_a_shared_folder(
    store: StoreWithObjects, entry: Entry, tmp_path: Path
) -> None:
    item = uploaded(store, entry)
    other = StoreWithObjects(tmp_path / "other", store.address)
    assert local(other, item).is_relative_to(tmp_path / "other")
    assert local(other, item).read_bytes() == DATA
    assert local(other, item).stat().st_mtime_ns == item.mtime_ns


def test_uploads_of_a_folder_may_be_copied_into_an_object_store(
    store: StoreWithObjects, objects: ObjectStore
) -> None:
    old = f"/srv/data/database-12/{UPLOAD}"
    assert store.blobs.local_path(old, SHA256) == old
    objects.write(UPLOAD, DATA)
    assert store.blobs.is_upload(old, SHA256)
    assert Path(store.blobs.local_path(old, SHA256)).read_bytes() == DATA


@pytest.mark.parametrize(("method", "half"), [("pipe_file", True), ("cp_file", False)])
def test_no_part_of_an_upload_is_ever_seen(
    store: StoreWithObjects, objects: ObjectStore, monkeypatch: Any, method: str, half: bool
) -> None:
    with monkeypatch.context() as broken:
        break_off(broken, method, half=half)
        with (
            pytest.raises(StoreError, match=r"cannot be written: RuntimeError$") as failure,
            store.blobs.keeping(SHA256, ".png", DATA),
        ):
            pytest.fail("kept")
    assert str(failure.value).startswith(f"{store.address}/{UPLOAD}")
    assert names(objects) == []


@pytest.mark.parametrize("method", ["cat_file", "info", "ls"])
def test_errors_name_the_object_and_no_credential(
    store: StoreWithObjects, entry: Entry, monkeypatch: Any, method: str
) -> None:
    item = uploaded(store, entry)
    break_off(monkeypatch, method)
    with pytest.raises(StoreError, match=r"memory://.*: cannot be") as failure:
        store.blobs.collect() if method == "ls" else local(store, item)
    assert "AKIA" not in str(failure.value)
    assert store.blobs.thumbnail(SHA256, 320) is None


def test_a_damaged_upload_is_not_served_and_can_be_repaired(
    store: StoreWithObjects, objects: ObjectStore, entry: Entry
) -> None:
    item = uploaded(store, entry)
    objects.write(UPLOAD, b"a pictore")
    assert not local(store, item).exists()
    assert uploaded(store, entry).id == item.id
    assert local(store, item).read_bytes() == DATA


def test_a_damaged_thumbnail_is_none(store: StoreWithObjects, objects: ObjectStore) -> None:
    store.blobs.keep_thumbnail(SHA256, 320, b"small")
    [key] = names(objects)
    objects.write(key, b"smoll" + (objects.read(key) or b"")[5:])
    assert store.blobs.thumbnail(SHA256, 320) is None


def collected(store: StoreWithObjects, objects: ObjectStore, *, after_s: float) -> int:
    collection = ObjectOrphans(store, objects)
    collection._now = time.time() + after_s
    return collection.collect()


def test_leftovers_are_collected_and_nothing_else(
    store: StoreWithObjects, objects: ObjectStore, entry: Entry
) -> None:
    uploaded(store, entry)
    store.blobs.keep_thumbnail(SHA256, 320, b"small")
    store.blobs.keep_thumbnail("ab" * 32, 320, b"of a removed picture")
    kept = [key for key in names(objects) if SHA256 in key]
    foreign = f"originals/{SHA256[:2]}/notes.txt"
    for key in (f"{UPLOAD}.0123456789ab.new", foreign):
        objects.write(key, b"")
    assert collected(store, objects, after_s=0) == 0
    assert collected(store, objects, after_s=4000) == 2
    assert names(objects) == sorted([*kept, foreign])


def test_an_upload_that_lost_its_item_stays_for_a_week(
    store: StoreWithObjects, objects: ObjectStore, entry: Entry
) -> None:
    store.write([entry("/other.png")])
    objects.write(UPLOAD, DATA)
    assert collected(store, objects, after_s=2 * WEEK_S) == 0, "not seen before"
    assert collected(store, objects, after_s=WEEK_S - 60) == 0
    item = uploaded(store, entry)
    assert collected(store, objects, after_s=2 * WEEK_S) == 0
    assert names(objects) == [UPLOAD], "no mark is left"
    store.remove([item.id])
    assert collected(store, objects, after_s=0) == 0
    assert collected(store, objects, after_s=2 * WEEK_S) == 1
    assert names(objects) == []


def test_an_empty_database_takes_no_upload_along(
    store: StoreWithObjects, objects: ObjectStore
) -> None:
    objects.write(UPLOAD, DATA)
    assert collected(store, objects, after_s=0) == 0
    assert collected(store, objects, after_s=2 * WEEK_S) == 0
    assert objects.read(UPLOAD) == DATA


def test_copies_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmembed.store.local_copies.LEAST_AGE_S", -1.0)
    copies = LocalCopies(tmp_path / "copies", most_bytes=25)
    for name in ("a", "b", "c"):
        copies.keep(name, b"0123456789", 1)
        time.sleep(0.01)
    assert [copies.find(name) is not None for name in "abc"] == [False, True, True]
    monkeypatch.setattr("mmembed.store.local_copies.LEAST_AGE_S", 60.0)
    copies.keep("d", b"0123456789", 1)
    assert copies.find("b"), "made to be opened at once"


def test_a_missing_library_is_named() -> None:
    with pytest.raises(InputError, match="nowhere:// is no kind of object store"):
        check_library("nowhere://bucket")
    with pytest.raises(InputError, match="pip install adlfs"):
        check_library("abfs://bucket")
