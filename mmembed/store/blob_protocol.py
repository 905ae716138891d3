"""The protocol for the files that a store keeps itself: uploads and thumbnails.

The rules of `store.protocol` hold here, too.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from mmembed.store.entries import Trouble
from mmembed.types import Item


@dataclass(frozen=True)
class Upload:
    """An uploaded picture, whose only file is the store's."""

    path: str
    """The path of its item."""
    mtime_ns: int
    """When its file was written, in nanoseconds since 1970."""


class Blobs(Protocol):
    """The store's own files: uploaded pictures, and a cache of thumbnails."""

    def keeping(self, sha256: str, suffix: str, data: bytes) -> AbstractContextManager[Upload]:
        """Store an uploaded file durably, and let the block write its item: then both are there, or
        neither. suffix: `.png`. Raises StoreError."""

    def discarding(self, item: Item) -> AbstractContextManager[None]:
        """Delete the file of an upload with its item, which the block removes. If the block fails,
        or another upload has this content, the file stays. Files that are not the store's own
        are never touched. Raises NotFound if the item is gone, StoreError."""

    def is_upload(self, path: str | None, sha256: str) -> bool:
        """Whether the file of an item, by its path and content, is an upload in this store. The
        store may have been elsewhere when the path was written."""

    def upload_path(self, path: str, sha256: str) -> str | None:
        """The path, or the address, that an upload with this content has in this store; None for a
        path that is no upload of any store."""

    def local_path(self, path: str, sha256: str) -> str:
        """The present path of an image item's file: an upload may lie elsewhere than when it was
        written, or be a copy of what lies in an object store. Raises StoreError."""

    def thumbnail(self, sha256: str, size: int) -> bytes | None:
        """The WebP file of a content, `size` pixels on its longer side; None if it is missing or
        damaged."""

    def has_thumbnail(self, sha256: str, size: int) -> bool:
        """Whether the thumbnail exists; its content is not checked."""

    def keep_thumbnail(self, sha256: str, size: int, content: bytes) -> None:
        """Put a WebP file into the cache. If it cannot be written, nothing happens."""

    def forget_thumbnails(self, sha256: str) -> None:
        """Delete the WebP files of a content. If that fails, nothing happens."""

    def troubles(self) -> list[Trouble]:
        """Why files cannot be read or kept now, apart from the troubles of the store."""

    def collect(self) -> int:
        """Delete files that nothing points to, and finish interrupted changes. Returns the number
        of deleted files. Raises StoreError."""
