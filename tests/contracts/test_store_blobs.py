"""What every store does with files of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from mmembed.errors import NotFound
from mmembed.store.entries import ImageEntry
from mmembed.store.protocol import Store
from mmembed.types import Item
from tests.contracts.conftest import STORES, made
from tests.object_stores import StoreWithObjects
from tests.s3_server import s3_address
from tests.temporary_postgres import postgres_store

Entry = Callable[..., ImageEntry]
DATA = b"a picture"
SHA256 = hashlib.sha256(DATA).hexdigest()


WITH_OBJECTS: Mapping[str, Callable[[Path], Store]] = {
    "memory, with an object store": StoreWithObjects,
    "postgresql, with S3": lambda folder: postgres_store(folder, objects=s3_address()),
}


@pytest.fixture(params=made({**STORES, **WITH_OBJECTS}))
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A store that belongs to no model."""
    with closing(request.param(tmp_path)) as store:
        yield store


def uploaded(store: Store, entry: Entry) -> Item:
    with store.blobs.keeping(SHA256, ".png", DATA) as upload:
        [item_id] = store.write([entry(upload.path, sha256=SHA256, mtime_ns=upload.mtime_ns)])
    return store.item(item_id)


def file_of(store: Store, item: Item) -> Path:
    assert item.path is not None
    return Path(store.blobs.local_path(item.path, item.sha256))


def test_an_upload_is_kept_with_its_item(store: Store, entry: Entry) -> None:
    item = uploaded(store, entry)
    assert store.blobs.is_upload(item.path, SHA256)
    assert file_of(store, item).read_bytes() == DATA
    assert file_of(store, item).stat().st_mtime_ns == item.mtime_ns
    assert uploaded(store, entry).id == item.id


def test_other_files_are_no_uploads(store: Store, entry: Entry) -> None:
    upload = uploaded(store, entry)
    store.write([entry("/a.png")])
    assert not store.blobs.is_upload("/a.png", "content of /a.png")
    assert not store.blobs.is_upload(None, SHA256)
    assert store.blobs.local_path("/a.png", "content of /a.png") == "/a.png"
    assert list(store.known_files()) == ["/a.png"]
    assert upload.path in {item.path for item in store.page(after=0, limit=9, kind="image")}


def test_an_upload_without_an_item_is_not_kept(store: Store, entry: Entry) -> None:
    with pytest.raises(RuntimeError), store.blobs.keeping(SHA256, ".png", DATA) as upload:
        raise RuntimeError
    assert not Path(upload.path).exists()
    item = uploaded(store, entry)
    with pytest.raises(RuntimeError), store.blobs.keeping(SHA256, ".png", DATA):
        raise RuntimeError
    assert file_of(store, item).read_bytes() == DATA


def test_an_upload_goes_with_its_item(store: Store, entry: Entry) -> None:
    item = uploaded(store, entry)
    path = file_of(store, item)
    with pytest.raises(RuntimeError), store.blobs.discarding(item):
        raise RuntimeError
    assert path.read_bytes() == DATA
    with store.blobs.discarding(item):
        store.remove([item.id])
    assert not path.exists()
    with pytest.raises(NotFound), store.blobs.discarding(item):
        pytest.fail("removed twice")


def test_thumbnails_are_kept_by_content_and_size(store: Store) -> None:
    blobs = store.blobs
    assert blobs.thumbnail(SHA256, 320) is None
    assert not blobs.has_thumbnail(SHA256, 320)
    blobs.keep_thumbnail(SHA256, 320, b"small")
    blobs.keep_thumbnail(SHA256, 1280, b"large")
    assert blobs.has_thumbnail(SHA256, 320)
    assert (blobs.thumbnail(SHA256, 320), blobs.thumbnail(SHA256, 1280)) == (b"small", b"large")
    blobs.forget_thumbnails(SHA256)
    assert blobs.thumbnail(SHA256, 320) is blobs.thumbnail(SHA256, 1280) is None


def test_collecting_leaves_what_items_need(store: Store, entry: Entry) -> None:
    item = uploaded(store, entry)
    store.blobs.keep_thumbnail(SHA256, 320, b"small")
    assert store.blobs.collect() == 0
    assert file_of(store, item).read_bytes() == DATA
    assert store.blobs.thumbnail(SHA256, 320) == b"small"
