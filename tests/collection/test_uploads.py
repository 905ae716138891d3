"""Uploads come and go with their items, whoever else does what at the same time."""

from __future__ import annotations

import hashlib
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mmembed.collection.collection import Collection
from mmembed.errors import NotFound, StoreError
from mmembed.store import orphan_files, thumbnail_cache, uploads
from mmembed.store.blobs import FolderBlobs
from mmembed.store.sqlite import Catalog
from mmembed.types import Item
from tests.collection.uploaded_files import RED, OpenCollection, aged, files_of
from tests.serving import PATIENCE_S, ROOT, environment, picture


def sound(collection: Collection) -> None:
    """Every uploaded item has its file, whole, and every file its item."""
    items = collection.store.page(after=0, limit=1000, kind="image")
    for item in items:
        with collection.original(item.id).file as file:
            assert hashlib.sha256(file.read()).hexdigest() == item.sha256
    assert files_of(collection) == sorted(Path(item.path or "").name for item in items)


# -- beside each other ---------------------------------------------------------------


@pytest.mark.slow
def test_removing_beside_uploading_the_same_bytes(open_collection: OpenCollection) -> None:
    """Two collections stand for two processes: their locks are the same files."""
    both = [open_collection(), open_collection()]
    data = [picture(colour) for colour in ("red", "blue")]
    errors: list[BaseException] = []

    def at_work(seed: int) -> None:
        drawn, collection = random.Random(seed), both[seed % 2]
        for _ in range(25):
            try:
                item = collection.add_image(drawn.choice(data), name="a")
                if drawn.random() < 0.3:
                    collection.original(item.id).file.close()
                if drawn.random() < 0.7:
                    collection.remove(item.id)
            except NotFound:
                pass  # another one was quicker
            except BaseException as error:
                errors.append(error)

    threads = [threading.Thread(target=at_work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert not errors
    sound(both[0])


@pytest.mark.parametrize("moment", ["before the file is deleted", "before the item is removed"])
def test_an_upload_waits_until_a_removal_is_over(
    collection: Collection, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    first = collection.add_image(RED, name="a")
    reached, go = threading.Event(), threading.Event()
    real = Catalog.remove

    def slow(catalog: Catalog, ids: Any) -> int:
        if moment == "before the item is removed":
            reached.set()
            assert go.wait(PATIENCE_S)
        removed = real(catalog, ids)
        reached.set()
        assert go.wait(PATIENCE_S)
        return removed

    monkeypatch.setattr(Catalog, "remove", slow)
    with ThreadPoolExecutor(2) as threads:
        removing = threads.submit(collection.remove, first.id)
        assert reached.wait(PATIENCE_S)
        uploading = threads.submit(collection.add_image, RED, name="b")
        time.sleep(0.1)
        assert not uploading.done()
        go.set()
        removing.result(PATIENCE_S)
        second = uploading.result(PATIENCE_S)
    assert second.id != first.id
    sound(collection)


def test_removing_twice_leaves_the_file_of_whoever_uploaded_in_between(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = collection.add_image(RED, name="a")
    real = FolderBlobs.discarding

    def late(blobs: FolderBlobs, item: Item) -> AbstractContextManager[None]:
        monkeypatch.undo()
        collection.remove(item.id)
        collection.add_image(RED, name="b")
        return real(blobs, item)

    monkeypatch.setattr(FolderBlobs, "discarding", late)
    with pytest.raises(NotFound):
        collection.remove(first.id)
    assert collection.store.count("image") == 1
    sound(collection)


# -- what fails ----------------------------------------------------------------------


def test_a_removal_that_fails_leaves_all_as_it_was(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = collection.add_image(RED, name="a")

    def full(*_: object) -> None:
        raise StoreError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(Catalog, "remove", full)
        with pytest.raises(StoreError):
            collection.remove(item.id)
    sound(collection)
    collection.remove(item.id)
    assert files_of(collection) == []


@pytest.mark.parametrize("known", [False, True])
def test_an_upload_whose_item_cannot_be_written_leaves_no_file_behind(
    collection: Collection, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    if known:
        collection.add_image(RED, name="a")

    def full(*_: object) -> None:
        raise StoreError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(Catalog, "write", full)
        with pytest.raises(StoreError):
            collection.add_image(RED, name="a")
    assert len(files_of(collection)) == known
    sound(collection)


def test_a_removed_picture_leaves_no_thumbnail(collection: Collection) -> None:
    item = collection.add_image(RED, name="a")
    for size in thumbnail_cache.SIZES:
        collection.thumbnail(item.id, size)
    folder = thumbnail_cache.folder_in(collection.settings.data)
    assert len(list(folder.rglob("*.webp"))) == 2
    collection.remove(item.id)
    assert not list(folder.rglob("*.webp"))


def test_a_thumbnail_that_is_rendered_while_its_picture_is_removed_does_not_stay(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = collection.add_image(RED, name="a")
    folder = thumbnail_cache.folder_in(collection.settings.data)
    thumbnail_cache.forget(folder, item.sha256)
    real = Collection._decoded

    def removed_meanwhile(self: Collection, *arguments: Any) -> Any:
        decoded = real(self, *arguments)
        self.remove(item.id)
        return decoded

    monkeypatch.setattr(Collection, "_decoded", removed_meanwhile)
    assert collection.thumbnail(item.id, 320)[0]
    assert not list(folder.rglob("*.webp"))


@pytest.mark.parametrize("change", ["upload", "removal"])
def test_a_data_folder_that_was_moved_away_is_not_made_anew(
    collection: Collection, tmp_path: Path, change: str
) -> None:
    item = collection.add_image(RED, name="a")
    collection.settings.data.rename(tmp_path / "moved")
    uploading = partial(collection.add_image, picture("blue"), name="b")
    work = uploading if change == "upload" else partial(collection.remove, item.id)
    with pytest.raises(StoreError):
        work()
    assert not collection.settings.data.exists()


UPLOAD_AND_REMOVE = """
import sys
from pathlib import Path
from tests.serving import open_collection, picture
collection = open_collection(Path(sys.argv[1]))
colours = ("red", "blue", "green", "cyan")
print("go", flush=True)
while True:
    items = [collection.add_image(picture(colour), name=colour) for colour in colours]
    for item in items[1:]:
        collection.remove(item.id)
"""


# -- a process that dies -------------------------------------------------------------


@pytest.mark.slow
def test_a_killed_process_leaves_nothing_that_the_next_one_does_not_settle(
    tmp_path: Path, open_collection: OpenCollection
) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", UPLOAD_AND_REMOVE, str(tmp_path / "data")],
        stdout=subprocess.PIPE,
        env=environment(),
        cwd=ROOT,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"go\n"
    time.sleep(random.random() / 5)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    collection = open_collection()
    collection.add_image(picture("white"), name="white")
    for path in (collection.settings.data / uploads.FOLDER).rglob("*.new"):
        aged(path, orphan_files.ASIDE_S + 1)
    collection.collect_leftovers()
    sound(collection)


def test_an_upload_is_kept_under_its_content(collection: Collection) -> None:
    data = picture("red")
    first = collection.add_image(data, name="a", captions=["red words"], tags=["x"])
    again = collection.add_image(data, name="b", tags=["y"])
    assert again.id == first.id
    assert again.tags == ("x", "y")
    original = collection.original(first.id)
    with original.file as file:
        assert (file.read(), original.media_type) == (data, "image/png")
    path = Path(first.path or "")
    assert hashlib.sha256(data).hexdigest() in path.name
    collection.remove(first.id)
    assert not path.exists()
    assert collection.store.count() == 0
