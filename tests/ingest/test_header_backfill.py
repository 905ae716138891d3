"""What headers say comes in with a picture, and for pictures from before by a pass of its own."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mmembed.collection.collection import Collection
from mmembed.ingest import header_backfill, prepare
from mmembed.media.header import HeaderReader
from mmembed.store.sqlite.rows import local_time
from mmembed.types import HeaderFacts, Item
from tests.conftest import Index, OpenCollection
from tests.fake_encoder import FakeEncoder
from tests.media.exif_blocks import EXPECTED, whole
from tests.pictures import encoded, quarters

NOWHERE = replace(EXPECTED, latitude=None, longitude=None)


@pytest.fixture
def camera_picture(photos: Path) -> Callable[..., Path]:
    """`camera_picture("a.jpg", 20)`: a file with all facts; another side, another content."""

    def make(name: str = "a.jpg", side: int = 16) -> Path:
        path = photos / name
        path.write_bytes(encoded(quarters((side, side)), "JPEG", exif=whole()))
        return path

    return make


def facts_of(item: Item) -> HeaderFacts:
    return HeaderFacts(**{name: getattr(item, name) for name in vars(EXPECTED)})


def only_item(collection: Collection) -> Item:
    [item] = collection.store.page(after=0, limit=9, kind="image")
    return item


def forget(collection: Collection) -> None:
    """Make the rows those of a time before headers were read."""
    with sqlite3.connect(collection.settings.data / "catalog.sqlite3") as db:
        columns = ", ".join(f"{name} = NULL" for name in vars(EXPECTED))
        db.execute(f"UPDATE items SET {columns}, header_read = 0")
    db.close()


# -- while a picture is indexed ------------------------------------------------------


def test_a_picture_is_indexed_with_its_facts(
    collection: Collection, index: Index, camera_picture: Callable[..., Path]
) -> None:
    camera_picture()
    assert index().headers == 0
    item = only_item(collection)
    assert facts_of(item) == EXPECTED
    assert item.date == "2019-05-03T10:11:12"


def test_a_copy_has_the_facts_of_its_own_file(
    collection: Collection, index: Index, camera_picture: Callable[..., Path]
) -> None:
    camera_picture("a.jpg")
    index()
    forget(collection)
    camera_picture("b.jpg")
    assert index().copies == 1
    items = collection.store.page(after=0, limit=9, kind="image")
    assert [facts_of(item) for item in items] == [EXPECTED, EXPECTED]


def test_a_picture_without_facts_has_the_date_of_its_file(
    collection: Collection, index: Index, photos: Path
) -> None:
    (photos / "a.jpg").write_bytes(encoded(quarters(), "JPEG"))
    os.utime(photos / "a.jpg", ns=(0, 1_600_000_000 * 10**9))
    index()
    item = only_item(collection)
    assert facts_of(item) == HeaderFacts()
    assert item.date == local_time(1_600_000_000 * 10**9)


def test_an_upload_has_its_facts(collection: Collection) -> None:
    data = encoded(quarters((16, 16)), "JPEG", exif=whole())
    assert facts_of(collection.add_image(data, name="cat")) == EXPECTED


# -- pictures from before ------------------------------------------------------------


def test_headers_of_unchanged_files_are_filled_in_without_decoding(
    collection: Collection,
    index: Index,
    camera_picture: Callable[..., Path],
    encoder: FakeEncoder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    camera_picture()
    index()
    forget(collection)
    batches = list(encoder.batches)
    monkeypatch.setattr(prepare, "decode", lambda *_, **__: pytest.fail("decoded"))
    report = index()
    assert (report.headers, report.unchanged) == (1, 1)
    assert facts_of(only_item(collection)) == EXPECTED
    assert encoder.batches == batches
    monkeypatch.setattr(HeaderReader, "of_file", lambda *_: pytest.fail("read again"))
    assert index().headers == 0


def test_headers_of_uploads_are_filled_in_with_any_indexing(
    collection: Collection, index: Index
) -> None:
    data = encoded(quarters((16, 16)), "JPEG", exif=whole())
    collection.add_image(data, name="cat")
    forget(collection)
    assert index().headers == 1
    assert facts_of(only_item(collection)) == EXPECTED


def test_files_of_other_folders_are_left_alone(
    collection: Collection, index: Index, camera_picture: Callable[..., Path], photos: Path
) -> None:
    camera_picture()
    index()
    forget(collection)
    other = photos.with_name("other")
    other.mkdir()
    report = collection.index([other], progress=lambda *_: None)
    assert report.headers == 0
    assert facts_of(only_item(collection)) == HeaderFacts()


@pytest.mark.parametrize("pages", [1, 2, 100])
def test_a_file_that_cannot_be_read_is_tried_again(
    collection: Collection,
    index: Index,
    camera_picture: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    pages: int,
) -> None:
    monkeypatch.setattr(header_backfill, "AT_ONCE", pages)
    for number in range(3):
        camera_picture(f"{number}.jpg", 16 + number)
    index()
    forget(collection)
    real = HeaderReader.of_file

    def refuse(self: HeaderReader, path: str) -> HeaderFacts:
        return real(self, path + "gone" if path.endswith("1.jpg") else path)

    with monkeypatch.context() as patched:
        patched.setattr(HeaderReader, "of_file", refuse)
        report = index()
        assert (report.headers, report.failures) == (2, [])
    assert index().headers == 1


def test_a_fault_over_one_file_costs_no_other(
    collection: Collection,
    index: Index,
    camera_picture: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for number in range(3):
        camera_picture(f"{number}.jpg", 16 + number)
    index()
    forget(collection)
    real = HeaderReader.of_file

    def fail(self: HeaderReader, path: str) -> HeaderFacts:
        if path.endswith("1.jpg"):
            raise OverflowError("of this file")
        return real(self, path)

    with monkeypatch.context() as patched:
        patched.setattr(HeaderReader, "of_file", fail)
        assert index().headers == 2
    assert "1.jpg: its header cannot be read: OverflowError: of this file" in caplog.text
    assert index().headers == 1


def test_an_interrupt_keeps_what_was_read(
    collection: Collection,
    index: Index,
    camera_picture: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(header_backfill, "AT_ONCE", 1)
    camera_picture("a.jpg")
    camera_picture("b.jpg", 20)
    index()
    forget(collection)

    def interrupt(what: str, count: int) -> None:
        if what == "reading dates and cameras":
            raise KeyboardInterrupt

    report = index(phase=interrupt)
    assert (report.interrupted, report.headers) == (True, 1)
    assert index().headers == 1


# -- places that are not wanted ------------------------------------------------------


def test_places_are_kept_out(
    open_collection: OpenCollection, camera_picture: Callable[..., Path], photos: Path
) -> None:
    camera_picture()
    collection = open_collection(location=False)
    collection.index([photos], progress=lambda *_: None)
    data = encoded(quarters((20, 20)), "JPEG", exif=whole())
    assert facts_of(collection.add_image(data, name="cat")) == NOWHERE
    assert facts_of(collection.store.item(1)) == NOWHERE


def test_places_that_were_kept_are_erased_and_come_back(
    open_collection: OpenCollection, camera_picture: Callable[..., Path], photos: Path
) -> None:
    camera_picture()
    with open_collection() as collection:
        collection.index([photos], progress=lambda *_: None)
        assert facts_of(only_item(collection)) == EXPECTED
    with open_collection(location=False) as collection:
        assert facts_of(only_item(collection)) == NOWHERE
        collection.index([photos], progress=lambda *_: None)
        assert facts_of(only_item(collection)) == NOWHERE
    with open_collection() as collection:
        report = collection.index([photos], progress=lambda *_: None)
        assert report.headers == 1
        assert facts_of(only_item(collection)) == EXPECTED
