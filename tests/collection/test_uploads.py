"""Uploads come and go with their items, whoever else does what at the same time."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mmembed.collection.collection import Collection
from mmembed.collection.single_flight import SingleFlight
from mmembed.errors import Abandoned, MmembedError, NotFound, StoreError, StoreFull
from mmembed.store import leftovers, thumbnail_cache, uploads
from mmembed.store.blobs import FolderBlobs
from mmembed.store.sqlite import Catalog
from mmembed.types import Item
from tests.serving import PATIENCE_S, ROOT, environment, picture

OpenCollection = Callable[..., Collection]

RED = picture("red")
HASH = hashlib.sha256(RED).hexdigest()
WEEK_S = leftovers.UNCLAIMED_S


def files_of(collection: Collection) -> list[str]:
    """The names of all files in `originals/`."""
    found = (collection.settings.data / uploads.FOLDER).rglob("*")
    return sorted(path.name for path in found if path.is_file())


def sound(collection: Collection) -> None:
    """Every uploaded item has its file, whole, and every file its item."""
    items = collection.store.page(after=0, limit=1000, kind="image")
    for item in items:
        with collection.original(item.id).file as file:
            assert hashlib.sha256(file.read()).hexdigest() == item.sha256
    assert files_of(collection) == sorted(Path(item.path or "").name for item in items)


def aged(path: Path, seconds: float) -> Path:
    then = time.time() - seconds
    os.utime(path, (then, then), follow_symlinks=False)
    return path


# -- beside each other ---------------------------------------------------------------


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


# -- a process that dies -------------------------------------------------------------

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
        aged(path, leftovers.ASIDE_S + 1)
    collection.collect_leftovers()
    sound(collection)


# -- leftovers -----------------------------------------------------------------------


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
        aged(put(filled, f"{HASH}.png.0123.new"), leftovers.ASIDE_S + 1),
        aged(put(filled, "tmpabc.new"), leftovers.ASIDE_S + 1),  # as they were called once
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
    mark = aged(orphan.with_name(orphan.name + leftovers.UNCLAIMED), WEEK_S + 1)
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
    aged(put(moved, name + leftovers.UNCLAIMED), WEEK_S + 1)
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
    mark = aged(put(filled, Path(item.path or "").name + leftovers.UNCLAIMED), WEEK_S + 1)
    filled.collect_leftovers()
    assert not mark.exists()


def test_an_empty_catalog_makes_no_upload_a_leftover(collection: Collection) -> None:
    orphan = put(collection, "ab" * 32 + ".png")
    aged(put(collection, "ab" * 32 + ".png" + leftovers.UNCLAIMED), WEEK_S + 1)
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
        aged(path, leftovers.ASIDE_S + 1)
    (photos / "blue.png").unlink()
    collection.index([photos], progress=lambda *_: None)
    assert list(folder.rglob("*.webp")) == [red]


# -- single flight -------------------------------------------------------------------


def test_a_thumbnail_that_many_ask_for_is_rendered_once(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = collection.add_image(RED, name="a")
    thumbnail_cache.forget(thumbnail_cache.folder_in(collection.settings.data), item.sha256)
    decoded: list[Any] = []
    real = Collection._decoded

    def slow(self: Collection, *arguments: Any) -> Any:
        decoded.append(arguments)
        time.sleep(0.2)
        return real(self, *arguments)

    monkeypatch.setattr(Collection, "_decoded", slow)
    with ThreadPoolExecutor(12) as threads:
        found = list(threads.map(lambda _: collection.thumbnail(item.id, 320)[0], range(12)))
    assert len(set(found)) == 1
    assert len(decoded) == 1


def test_what_fails_once_fails_for_all_who_wait_and_is_tried_anew_later() -> None:
    flights: SingleFlight[str, int] = SingleFlight()
    begun, go = threading.Event(), threading.Event()

    def fail() -> int:
        begun.set()
        assert go.wait(PATIENCE_S)
        raise MmembedError("no")

    with ThreadPoolExecutor(3) as threads:
        first = threads.submit(flights.run, "a", fail)
        assert begun.wait(PATIENCE_S)
        others = [threads.submit(flights.run, "a", lambda: 1) for _ in range(2)]
        time.sleep(0.1)
        go.set()
        for one in (first, *others):
            with pytest.raises(MmembedError):
                one.result(PATIENCE_S)
    assert flights.run("a", lambda: 2) == 2


def test_who_waits_does_the_work_of_one_who_leaves() -> None:
    flights: SingleFlight[str, int] = SingleFlight()
    begun, go = threading.Event(), threading.Event()

    def leave() -> int:
        begun.set()
        assert go.wait(PATIENCE_S)
        raise Abandoned("left")

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(flights.run, "a", leave)
        assert begun.wait(PATIENCE_S)
        other = threads.submit(flights.run, "a", lambda: 3)
        time.sleep(0.1)
        go.set()
        assert other.result(PATIENCE_S) == 3
        with pytest.raises(Abandoned):
            first.result(PATIENCE_S)


@pytest.mark.parametrize(
    ("number", "kind"),
    [(errno.ENOSPC, StoreFull), (errno.EDQUOT, StoreFull), (errno.EFBIG, StoreFull),
     (errno.EIO, StoreError)],
)  # fmt: skip
def test_an_upload_without_room_is_told_so(
    collection: Collection,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    kind: type[StoreError],
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("mmembed.files.replace", refuse)
    with pytest.raises(StoreError, match="the upload cannot be kept") as failed:
        collection.add_image(RED, name="a")
    assert type(failed.value) is kind
