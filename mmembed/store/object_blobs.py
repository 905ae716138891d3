"""The uploads and thumbnails of a store, in an object store.

    PREFIX/originals/ab/abcdef….png     an upload, by the hash of its content
    PREFIX/thumbnails/ab/abcdef…-320-v3.webp

An upload is written before its item, and deleted after it. A process that dies in between leaves
an object without an item, which is collected; see `object_orphans`.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mmembed import files
from mmembed.errors import MmembedError, StoreError
from mmembed.store import thumbnail_cache, uploads
from mmembed.store.blob_protocol import Upload
from mmembed.store.blobs import WAIT_S
from mmembed.store.entries import ImageFile, Trouble
from mmembed.store.local_copies import LocalCopies
from mmembed.store.object_orphans import ObjectOrphans
from mmembed.store.object_store import ObjectStore, StoredObject
from mmembed.store.orphan_files import FilesOwner
from mmembed.types import Item

COPIES = "copies"
"""Folder with copies of uploads, in the folder of the store."""

log = logging.getLogger(__name__)


class ObjectBlobs:
    """The blobs of a store, in an object store; see Blobs."""

    def __init__(self, owner: FilesOwner, address: str) -> None:
        """address: of a prefix in an object store; no other collection has this one, since each
        deletes what none of its items needs."""
        self._owner = owner
        self._objects = ObjectStore(address)
        self._copies = LocalCopies(owner.folder / COPIES)

    # -- uploads ---------------------------------------------------------------------

    @contextmanager
    def keeping(self, sha256: str, suffix: str, data: bytes) -> Iterator[Upload]:
        """See Blobs.keeping. Raises StoreBusy where another process keeps the content's lock."""
        with self._owner.exclusive("uploading", part=sha256, wait_s=WAIT_S):
            for known in self._uploads_of(sha256):
                # Another version may have given the format another suffix.
                suffix = Path(known.path).name.removeprefix(sha256)
            key = _upload_key(f"{sha256}{suffix}")
            self._copies.forget(f"{sha256}{suffix}")  # the picture is uploaded to repair it
            before = self._objects.find(key)
            try:
                stored = self._kept(key, sha256, data, before)
                yield Upload(self._objects.address_of(key), stored.mtime_ns)
            finally:
                # Unsettled, the object is left to the collection of leftovers.
                with suppress(MmembedError):
                    if before is None and not self._uploads_of(sha256):
                        self._objects.delete(key)

    def _kept(
        self, key: str, sha256: str, data: bytes, before: StoredObject | None
    ) -> StoredObject:
        """The object with these bytes. An existing one is read, and written again unless it holds
        them."""
        if before is not None and before.size == len(data):
            held = self._objects.read(key)
            if held is not None and hashlib.sha256(held).hexdigest() == sha256:
                return before
        return self._objects.replace(key, data)

    def _uploads_of(self, sha256: str) -> list[ImageFile]:
        images = self._owner.images_of(sha256)
        return [image for image in images if uploads.is_of_any_folder(image.path, sha256)]

    @contextmanager
    def discarding(self, item: Item) -> Iterator[None]:
        """See Blobs.discarding. Raises StoreBusy where another process keeps the content's lock."""
        key = self._key_of(item.path or "", item.sha256)
        assert key is not None, f"item {item.id}: no upload"
        self._owner.check_place()
        with self._owner.exclusive("uploading", part=item.sha256, wait_s=WAIT_S):
            self._owner.item(item.id)
            others = [image for image in self._uploads_of(item.sha256) if image.item_id != item.id]
            yield
            if others:
                return
            self._copies.forget(os.path.basename(key))
            try:
                self._objects.delete(key)
            except StoreError as error:  # the item is removed; the object is collected later
                log.warning("%s", error)

    def is_upload(self, path: str | None, sha256: str) -> bool:
        """See Blobs.is_upload. Raises StoreError."""
        key = None if path is None else self._key_of(path, sha256)
        if path is None or key is None:
            return False
        if path == self._objects.address_of(key) or not os.path.exists(path):
            return True
        return self._objects.find(key) is not None

    def upload_path(self, path: str, sha256: str) -> str | None:
        """See Blobs.upload_path."""
        key = self._key_of(path, sha256)
        return None if key is None else self._objects.address_of(key)

    def local_path(self, path: str, sha256: str) -> str:
        """See Blobs.local_path: the path of a copy, which has the content in its name. A missing or
        damaged object has no copy: then it is the given path. Raises StoreError."""
        key = self._key_of(path, sha256)
        if key is None or not self.is_upload(path, sha256):
            return path
        name = os.path.basename(key)
        copy = self._copies.find(name) or self._new_copy(key, name, sha256)
        return path if copy is None else str(copy)

    def _new_copy(self, key: str, name: str, sha256: str) -> Path | None:
        stored = self._objects.find(key)
        data = None if stored is None else self._objects.read(key)
        if stored is None or data is None:
            return None
        if hashlib.sha256(data).hexdigest() != sha256:
            log.warning("%s: is damaged, and not served", self._objects.address_of(key))
            return None
        try:
            return self._copies.keep(name, data, stored.mtime_ns)
        except OSError as error:
            raise StoreError(
                f"{self._owner.folder}: a copy of {self._objects.address_of(key)} cannot be kept: "
                f"{error.strerror}"
            ) from error

    def _key_of(self, path: str, sha256: str) -> str | None:
        """The key of an upload, by a path of whatever folder or object store it was written for."""
        if not uploads.is_of_any_folder(path, sha256):
            return None
        return _upload_key(os.path.basename(path))

    # -- thumbnails ------------------------------------------------------------------

    def thumbnail(self, sha256: str, size: int) -> bytes | None:
        """See Blobs.thumbnail. An object store that does not answer has none."""
        name = thumbnail_cache.name_of(sha256, size)
        try:
            data = self._objects.read(_thumbnail_key(name))
            return None if data is None else files.unsealed(data, about=name)
        except (StoreError, ValueError):
            return None

    def has_thumbnail(self, sha256: str, size: int) -> bool:
        """See Blobs.has_thumbnail."""
        with suppress(StoreError):
            key = _thumbnail_key(thumbnail_cache.name_of(sha256, size))
            return self._objects.find(key) is not None
        return False

    def keep_thumbnail(self, sha256: str, size: int, content: bytes) -> None:
        """See Blobs.keep_thumbnail."""
        name = thumbnail_cache.name_of(sha256, size)
        with suppress(StoreError):
            self._objects.write(_thumbnail_key(name), files.sealed(content, about=name))

    def forget_thumbnails(self, sha256: str) -> None:
        """See Blobs.forget_thumbnails."""
        for size in thumbnail_cache.SIZES:
            with suppress(StoreError):
                self._objects.delete(_thumbnail_key(thumbnail_cache.name_of(sha256, size)))

    # -- both ------------------------------------------------------------------------

    def troubles(self) -> list[Trouble]:
        """See Blobs.troubles."""
        try:
            self._objects.check()
        except StoreError as error:
            return [Trouble("blobs_away", str(error))]
        return []

    def collect(self) -> int:
        """See Blobs.collect."""
        return ObjectOrphans(self._owner, self._objects).collect()


def _upload_key(name: str) -> str:
    return f"{uploads.FOLDER}/{name[:2]}/{name}"


def _thumbnail_key(name: str) -> str:
    return f"{thumbnail_cache.FOLDER}/{name[:2]}/{name}"
