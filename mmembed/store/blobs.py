"""The data folder's own files: uploads, thumbnails, and leftovers of both."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmembed.config.settings import CATALOG_FILE
from mmembed.errors import StoreError
from mmembed.store import thumbnail_cache, uploads
from mmembed.store.blob_protocol import Upload
from mmembed.store.entries import ImageFile, Trouble
from mmembed.store.orphan_files import FilesOwner, OrphanFiles
from mmembed.types import Item

WAIT_S = 30.0
"""Seconds that an upload waits for another process that keeps or deletes the same content."""

log = logging.getLogger(__name__)


class FolderBlobs:
    """The blobs of a store, in a folder; see Blobs."""

    def __init__(self, catalog: FilesOwner) -> None:
        self._catalog = catalog
        self._folder = catalog.folder
        self._thumbnails = thumbnail_cache.folder_in(catalog.folder)

    # -- uploads ---------------------------------------------------------------------

    @contextmanager
    def keeping(self, sha256: str, suffix: str, data: bytes) -> Iterator[Upload]:
        """See Blobs.keeping. Raises StoreBusy where another process keeps the content's lock."""
        with self._catalog.exclusive("uploading", part=sha256, wait_s=WAIT_S):
            known = self._uploads_of(sha256)
            for image in known:
                # Another version may have given the format another suffix.
                suffix = Path(image.path).name.removeprefix(sha256)
            owner = None if known else uploads.owner_of(self._folder, CATALOG_FILE)
            if owner is not None:  # which would delete the file, of which it has no item
                raise StoreError(
                    f"{self._folder / uploads.FOLDER} is a link to the uploads of {owner}, so a "
                    "new upload cannot be kept; put a folder with a copy of the files in its place"
                )

            def has_item(_: Path) -> bool:
                return bool(self._uploads_of(sha256))

            with uploads.keeping(self._folder, sha256, suffix, data, has_item) as path:
                yield Upload(str(path), path.stat().st_mtime_ns)

    def _uploads_of(self, sha256: str) -> list[ImageFile]:
        """The uploads with this content. The folder may have had other places in between."""
        images = self._catalog.images_of(sha256)
        return [image for image in images if uploads.is_of_any_folder(image.path, sha256)]

    @contextmanager
    def discarding(self, item: Item) -> Iterator[None]:
        """See Blobs.discarding. Raises StoreBusy where another process keeps the content's lock."""
        path = uploads.place_in(self._folder, item.path or "", item.sha256)
        assert path is not None, f"item {item.id}: no upload"
        self._catalog.check_place()
        self._catalog.ready_upload_lock(item.sha256)
        with self._catalog.exclusive("uploading", part=item.sha256, wait_s=WAIT_S):
            # The item is gone, and the picture was uploaded again: the file belongs to another item
            # now.
            self._catalog.item(item.id)
            if any(image.item_id != item.id for image in self._uploads_of(item.sha256)):
                yield  # the file is another item's, too
                return
            owner = uploads.owner_of(self._folder, CATALOG_FILE)
            if owner is not None:
                log.warning("%s: stays, for it is an upload of %s", path, owner)
                yield
                return
            with uploads.discarding(path):
                yield

    def is_upload(self, path: str | None, sha256: str) -> bool:
        """See Blobs.is_upload."""
        return path is not None and uploads.is_upload(self._folder, path, sha256)

    def upload_path(self, path: str, sha256: str) -> str | None:
        """See Blobs.upload_path."""
        here = uploads.place_in(self._folder, path, sha256)
        return None if here is None else str(here)

    def local_path(self, path: str, sha256: str) -> str:
        """See Blobs.local_path: an upload moves with its data folder."""
        return uploads.place_of(self._folder, path, sha256)

    # -- thumbnails ------------------------------------------------------------------

    def thumbnail(self, sha256: str, size: int) -> bytes | None:
        """See Blobs.thumbnail."""
        return thumbnail_cache.find(self._thumbnails, sha256, size)

    def has_thumbnail(self, sha256: str, size: int) -> bool:
        """See Blobs.has_thumbnail."""
        return thumbnail_cache.is_kept(self._thumbnails, sha256, size)

    def keep_thumbnail(self, sha256: str, size: int, content: bytes) -> None:
        """See Blobs.keep_thumbnail."""
        thumbnail_cache.keep(self._thumbnails, sha256, size, content)

    def forget_thumbnails(self, sha256: str) -> None:
        """See Blobs.forget_thumbnails."""
        thumbnail_cache.forget(self._thumbnails, sha256)

    # -- both ------------------------------------------------------------------------

    def troubles(self) -> list[Trouble]:
        """See Blobs.troubles: those of the folder are the store's."""
        return []

    def collect(self) -> int:
        """See Blobs.collect."""
        return OrphanFiles(self._catalog).collect()
