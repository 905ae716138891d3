"""A whole store in memory, for tests: what the protocol says and nothing else."""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmembed.errors import StoreBusy
from mmembed.store.blob_protocol import Upload
from mmembed.store.entries import Trouble
from mmembed.store.protocol import Purpose, SearchedBy
from mmembed.types import Item, Kind, Ranked
from tests.contracts.memory_fields import MemoryFields
from tests.contracts.memory_items import MemoryItems
from tests.contracts.memory_words import MemoryWords


class MemoryStore(MemoryItems, MemoryFields, MemoryWords):
    """See Store. Uploads are files in a folder, since items have paths."""

    pieces = None

    def __init__(self, uploads: Path) -> None:
        super().__init__()
        self.name = "memory"
        self.identity = uuid.uuid4().hex
        self.blobs = MemoryBlobs(self, uploads)
        self._locks: dict[tuple[Purpose, str], threading.Lock] = {}

    def _is_upload(self, path: str) -> bool:
        return self.blobs.is_upload(path, "")

    @contextmanager
    def exclusive(self, purpose: Purpose, *, part: str = "", wait_s: float = 0) -> Iterator[None]:
        lock = self._locks.setdefault((purpose, part), threading.Lock())
        if not lock.acquire(timeout=wait_s):
            raise StoreBusy(f"memory: process {os.getpid()} is at work here, {purpose}")
        try:
            yield
        finally:
            lock.release()

    def index(self, kind: Kind) -> MemoryIndex | None:
        return MemoryIndex(self, kind) if self._ids(kind) else None

    def check(self) -> list[str]:
        return []

    def troubles(self) -> list[Trouble]:
        return []

    def partially(self) -> AbstractContextManager[dict[str, None]]:
        return nullcontext({})

    def notes(self) -> tuple[str, ...]:
        return ()

    def close(self) -> None:
        """Nothing is open."""


class MemoryIndex:
    """See Index: both ways are the same."""

    in_use: SearchedBy = "exact"

    def __init__(self, store: MemoryStore, kind: Kind) -> None:
        self._store = store
        self.kind: Kind = kind

    def __len__(self) -> int:
        return len(self.ids())

    def ids(self) -> NDArray[np.int64]:
        return np.array(self._store._ids(self.kind), dtype=np.int64)

    def exact(self, query: NDArray[np.float32], count: int) -> Ranked:
        return self._store._nearest(query, count, self.kind)

    approximate = exact


class MemoryBlobs:
    """See Blobs."""

    def __init__(self, store: MemoryStore, folder: Path) -> None:
        self._store = store
        self._folder = folder
        self._thumbnails: dict[tuple[str, int], bytes] = {}

    @contextmanager
    def keeping(self, sha256: str, suffix: str, data: bytes) -> Iterator[Upload]:
        path = self._folder / f"{sha256}{suffix}"
        with self._store.exclusive("uploading", part=sha256, wait_s=30):
            self._folder.mkdir(exist_ok=True)
            path.write_bytes(data)
            try:
                yield Upload(str(path), path.stat().st_mtime_ns)
            finally:
                if not self._store.images_at([str(path)]):
                    path.unlink()

    @contextmanager
    def discarding(self, item: Item) -> Iterator[None]:
        assert item.path is not None
        with self._store.exclusive("uploading", part=item.sha256, wait_s=30):
            self._store.item(item.id)
            yield
            Path(item.path).unlink(missing_ok=True)

    def is_upload(self, path: str | None, sha256: str) -> bool:
        return path is not None and Path(path).is_relative_to(self._folder)

    def upload_path(self, path: str, sha256: str) -> str | None:
        return path if self.is_upload(path, sha256) else None

    def local_path(self, path: str, sha256: str) -> str:
        return path

    def thumbnail(self, sha256: str, size: int) -> bytes | None:
        return self._thumbnails.get((sha256, size))

    def has_thumbnail(self, sha256: str, size: int) -> bool:
        return (sha256, size) in self._thumbnails

    def keep_thumbnail(self, sha256: str, size: int, content: bytes) -> None:
        self._thumbnails[sha256, size] = content

    def forget_thumbnails(self, sha256: str) -> None:
        for key in [key for key in self._thumbnails if key[0] == sha256]:
            del self._thumbnails[key]

    def troubles(self) -> list[Trouble]:
        return []

    def collect(self) -> int:
        deleted = 0
        for path in self._folder.glob("*") if self._folder.exists() else ():
            if not self._store.images_at([str(path)]):
                with suppress(FileNotFoundError):
                    path.unlink()
                    deleted += 1
        return deleted
