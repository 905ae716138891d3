"""Uploads of a data folder that has moved, was copied, or is reached by another path: no picture is
lost, none is left behind, and the same bytes stay one item."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mmembed.collection.collection import Collection
from mmembed.errors import NotFound, StoreError
from mmembed.ingest import Removed
from mmembed.store import uploads
from mmembed.store.entries import ImageEntry
from mmembed.store.sqlite import Catalog
from mmembed.types import Item
from tests.collection.uploaded_files import RED, OpenCollection, files_of
from tests.serving import picture

pytestmark = pytest.mark.slow

SHA256 = hashlib.sha256(RED).hexdigest()
NAME = f"{SHA256}.png"


def renamed(data: Path, other: Path) -> Path:
    data.rename(other)
    return other


def linked(data: Path, other: Path) -> Path:
    """A bind mount, too, is a second path of one folder."""
    other.symlink_to(data)
    return other


def in_capitals(data: Path, other: Path) -> Path:
    """What a file system that ignores case would find."""
    return linked(data, data.with_name(data.name.upper()))


def copied(data: Path, other: Path) -> Path:
    shutil.copytree(data, other)
    return other


WAYS = (renamed, linked, in_capitals, copied)
Way = Callable[[Path, Path], Path]


@pytest.fixture(params=WAYS, ids=lambda way: way.__name__)
def elsewhere(
    request: pytest.FixtureRequest, open_collection: OpenCollection, tmp_path: Path
) -> Collection:
    """A collection with one upload, whose folder has another path now."""
    upload(open_collection)
    return open_collection(data=request.param(tmp_path / "data", tmp_path / "other"))


def upload(open_collection: OpenCollection) -> Path:
    """The file of an upload in `data`, which is closed again."""
    collection = open_collection()
    item = collection.add_image(RED, name="a", captions=["first"])
    collection.close()
    assert item.path is not None
    return Path(item.path)


def images(collection: Collection) -> list[Item]:
    return collection.items(limit=9, kind="image")


def content(collection: Collection, item: Item) -> bytes:
    with collection.original(item.id).file as file:
        return file.read()


def test_the_same_bytes_keep_their_id(elsewhere: Collection) -> None:
    [before] = images(elsewhere)
    item = elsewhere.add_image(RED, name="b", captions=["second"], tags=["new"])
    assert item.id == before.id
    assert [one.id for one in images(elsewhere)] == [item.id]
    assert item.path == str(elsewhere.settings.data / uploads.FOLDER / SHA256[:2] / NAME)
    assert (item.captions, item.tags) == (("first", "second"), ("new",))
    assert {one.path for one in elsewhere.items(limit=9, kind="caption")} == {item.path}
    assert content(elsewhere, item) == RED
    assert files_of(elsewhere) == [NAME]


def test_a_removed_picture_leaves_no_file(elsewhere: Collection) -> None:
    [item] = images(elsewhere)
    elsewhere.remove(item.id)
    assert files_of(elsewhere) == []


def test_a_picture_that_was_uploaded_again_leaves_no_file(elsewhere: Collection) -> None:
    elsewhere.remove(elsewhere.add_image(RED, name="b").id)
    assert images(elsewhere) == []
    assert files_of(elsewhere) == []


def test_an_upload_is_no_file_of_an_indexed_folder(elsewhere: Collection, tmp_path: Path) -> None:
    [item] = images(elsewhere)
    elsewhere.keep_out(item.id)
    assert elsewhere.store.kept_out() == {}
    assert elsewhere.remove_path(tmp_path) == Removed(0, 0, uploads=1)
    assert content(elsewhere, item) == RED


def test_indexing_uploads_again_adds_none(elsewhere: Collection) -> None:
    before = images(elsewhere)
    folder = elsewhere.settings.data / uploads.FOLDER
    elsewhere.index([folder], progress=lambda *_: None)
    assert [item.id for item in images(elsewhere)] == [item.id for item in before]


def test_an_upload_that_fails_leaves_the_picture_that_was_there(
    elsewhere: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also after an earlier upload of it was interrupted just before its end."""
    [item] = images(elsewhere)
    file = elsewhere.settings.data / uploads.FOLDER / SHA256[:2] / NAME
    file.with_name(NAME + uploads.PENDING).touch()

    def full(*_: object) -> None:
        raise StoreError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(Catalog, "write", full)
        with pytest.raises(StoreError):
            elsewhere.add_image(RED, name="b")
    assert content(elsewhere, item) == RED


@pytest.mark.parametrize("first", [0, 1])
def test_of_two_items_the_last_one_takes_the_file_along(
    elsewhere: Collection, tmp_path: Path, first: int
) -> None:
    """Earlier versions made a second item."""
    [item] = images(elsewhere)
    old = tmp_path / "once" / uploads.FOLDER / SHA256[:2] / NAME
    elsewhere.store.write([ImageEntry(str(old), SHA256, None, 64, 48, len(RED), "PNG", 1)])
    both = images(elsewhere)
    assert len(both) == 2
    elsewhere.remove(both[first].id)
    assert content(elsewhere, both[1 - first]) == RED
    elsewhere.remove(both[1 - first].id)
    assert files_of(elsewhere) == []
    assert item in both


@pytest.mark.parametrize("removed_in", ["data", "copy"])
@pytest.mark.parametrize("uploaded_again", [False, True])
def test_two_copies_of_a_folder_do_not_touch_each_others_files(
    open_collection: OpenCollection, tmp_path: Path, removed_in: str, uploaded_again: bool
) -> None:
    upload(open_collection)
    shutil.copytree(tmp_path / "data", tmp_path / "copy")
    both = {name: open_collection(data=tmp_path / name) for name in ("data", "copy")}
    removing = both.pop(removed_in)
    [other] = both.values()
    if uploaded_again:
        for collection in (other, removing):
            collection.add_image(RED, name="b")
    [item] = images(removing)
    removing.remove(item.id)
    assert files_of(removing) == []
    removing.collect_leftovers()
    assert content(other, images(other)[0]) == RED
    assert files_of(other) == [NAME]


def test_a_copy_whose_uploads_are_a_link_leaves_the_first_folders_files(
    open_collection: OpenCollection, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = upload(open_collection)
    ignored = shutil.ignore_patterns(uploads.FOLDER)
    shutil.copytree(tmp_path / "data", tmp_path / "copy", ignore=ignored)
    (tmp_path / "copy" / uploads.FOLDER).symlink_to(tmp_path / "data" / uploads.FOLDER)
    copy = open_collection(data=tmp_path / "copy")
    with pytest.raises(StoreError, match=f"link to the uploads of {tmp_path / 'data'}, so"):
        copy.add_image(picture("blue"), name="b")  # the first folder would delete it in a week
    assert copy.add_image(RED, name="again").id == images(copy)[0].id
    copy.add_caption("the copy's catalog is no empty one")
    copy.remove(images(copy)[0].id)
    assert images(copy) == []
    assert f"stays, for it is an upload of {tmp_path / 'data'}" in caplog.text
    gone = file.with_name(file.name + uploads.GONE)
    file.rename(gone)  # the first folder is about to remove it
    copy.collect_leftovers()
    assert gone.read_bytes() == RED


def test_uploads_on_another_disk_are_the_folders_own(
    open_collection: OpenCollection, tmp_path: Path
) -> None:
    file = upload(open_collection)
    file.parents[1].rename(tmp_path / "disk")
    (tmp_path / "data" / uploads.FOLDER).symlink_to(tmp_path / "disk")
    collection = open_collection()
    collection.remove(images(collection)[0].id)
    assert list((tmp_path / "disk").rglob("*.png")) == []


def test_a_catalog_that_was_restored_alone_leaves_the_first_folders_files(
    open_collection: OpenCollection, tmp_path: Path
) -> None:
    file = upload(open_collection)
    ignored = shutil.ignore_patterns(uploads.FOLDER)
    shutil.copytree(tmp_path / "data", tmp_path / "restored", ignore=ignored)
    restored = open_collection(data=tmp_path / "restored")
    [item] = images(restored)
    again = restored.add_image(RED, name="b")
    assert again.id == item.id
    assert files_of(restored) == [NAME]
    restored.remove(again.id)
    assert files_of(restored) == []
    assert file.read_bytes() == RED


def test_removing_from_a_catalog_without_uploads_leaves_the_first_folders_files(
    open_collection: OpenCollection, tmp_path: Path
) -> None:
    file = upload(open_collection)
    ignored = shutil.ignore_patterns(uploads.FOLDER)
    shutil.copytree(tmp_path / "data", tmp_path / "restored", ignore=ignored)
    restored = open_collection(data=tmp_path / "restored")
    restored.remove(images(restored)[0].id)
    assert images(restored) == []
    assert file.read_bytes() == RED


def test_a_new_folder_in_the_old_place_keeps_its_own_picture(
    open_collection: OpenCollection, tmp_path: Path
) -> None:
    upload(open_collection)
    (tmp_path / "data").rename(tmp_path / "moved")
    file = upload(open_collection)
    moved = open_collection(data=tmp_path / "moved")
    moved.remove(images(moved)[0].id)
    assert files_of(moved) == []
    assert file.read_bytes() == RED


def test_an_item_whose_file_is_gone_everywhere_can_be_removed(
    open_collection: OpenCollection, tmp_path: Path
) -> None:
    upload(open_collection)
    shutil.rmtree(tmp_path / "data" / uploads.FOLDER)
    collection = open_collection(data=renamed(tmp_path / "data", tmp_path / "moved"))
    [item] = images(collection)
    with pytest.raises(NotFound, match="upload it again"):
        collection.original(item.id)
    collection.remove(item.id)
    assert images(collection) == []


def test_uploads_that_a_person_copied_elsewhere_are_that_persons_files(
    open_collection: OpenCollection, tmp_path: Path
) -> None:
    """As the log advises before uploads without an item are deleted."""
    file = upload(open_collection)
    rescued = tmp_path / "rescued" / uploads.FOLDER / SHA256[:2] / NAME
    rescued.parent.mkdir(parents=True)
    os.link(file, rescued)
    collection = open_collection(data=tmp_path / "new")
    collection.index([tmp_path / "rescued"], progress=lambda *_: None)
    [item] = images(collection)
    collection.keep_out(item.id)
    assert list(collection.store.kept_out()) == [str(rescued)]
    assert collection.remove_path(rescued.parent, dry_run=True) == Removed(1, 0, 0)
    collection.remove(item.id)
    assert rescued.read_bytes() == RED


def test_another_picture_is_another_item(elsewhere: Collection) -> None:
    blue = elsewhere.add_image(picture("blue"), name="b")
    elsewhere.remove(blue.id)
    [item] = images(elsewhere)
    assert content(elsewhere, item) == RED
