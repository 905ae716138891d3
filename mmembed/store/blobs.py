"""The data folder's own files: uploads, thumbnails, and leftovers of both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmembed.errors import StoreFull
from mmembed.store import thumbnail_cache, uploads
from mmembed.store.entries import Upload
from mmembed.store.orphan_files import OrphanFiles
from mmembed.store.sqlite import Catalog
from mmembed.store.sqlite.lock_files import WRITE_WAIT_S, upload_lock
from mmembed.types import Item


class FolderBlobs:
    """The blobs of a catalog, in its folder; see Blobs."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._folder = catalog.folder
        self._thumbnails = thumbnail_cache.folder_in(catalog.folder)

    # -- uploads ---------------------------------------------------------------------

    @contextmanager
    def keeping(self, sha256: str, suffix: str, data: bytes) -> Iterator[Upload]:
        """See Blobs.keeping. Raises StoreBusy where another process keeps the content's lock."""
        kept = uploads.keeping(self._folder, sha256, suffix, data, self._has_item)
        with self._catalog.exclusive("uploading", part=sha256, wait_s=WRITE_WAIT_S), kept as path:
            yield Upload(str(path), path.stat().st_mtime_ns)

    def _has_item(self, path: Path) -> bool:
        return bool(self._catalog.paths_among([str(path)]))

    @contextmanager
    def discarding(self, item: Item) -> Iterator[None]:
        """See Blobs.discarding. Raises StoreBusy where another process keeps the content's lock."""
        assert item.path is not None
        self._catalog.check_place()
        try:
            upload_lock(self._folder, item.sha256)
        except StoreFull:  # even the lock needs room, the first time
            self._catalog.make_room()
        with self._catalog.exclusive("uploading", part=item.sha256, wait_s=WRITE_WAIT_S):
            # The item is gone, and the picture was uploaded again: the file belongs to another item
            # now.
            self._catalog.item(item.id)
            with uploads.discarding(Path(item.path)):
                yield

    def is_upload(self, path: str | None) -> bool:
        """See Blobs.is_upload."""
        return uploads.is_upload(self._folder, path)

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

    def collect(self) -> int:
        """See Blobs.collect."""
        return OrphanFiles(self._catalog).collect()
