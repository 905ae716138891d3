"""Stores whose uploads and thumbnails lie in an object store in memory."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path

from mmembed.store.object_blobs import ObjectBlobs
from tests.contracts.memory_store import MemoryStore


class StoreWithObjects(MemoryStore):
    """A store in memory; `address` is where its objects are."""

    def __init__(self, folder: Path, address: str = "") -> None:
        super().__init__(folder / "uploads")
        self.folder = folder
        self.address = address or f"memory://{uuid.uuid4().hex}/photos"
        self.blobs = ObjectBlobs(self, self.address)  # type: ignore[assignment]

    def _is_upload(self, path: str) -> bool:
        return path.startswith(self.address)

    def check_place(self) -> None:
        """Items can always be asked for."""

    def ready_upload_lock(self, sha256: str) -> None:
        """Locks need no disk."""

    def contents_among(self, contents: Sequence[str]) -> set[str]:
        """See Items.contents_among."""
        return {sha256 for sha256 in contents if self.images_of(sha256)}
