"""Stores embeddings on disk, by model and content, so that nothing is embedded twice.

    folder/<encoder fingerprint>-<engine>/images|texts|labels/<checksum>.npz

A file is named by the checksum of its bytes, written aside and renamed, and never changed. So a
truncated or altered file is recognised and removed, and costs only its own vectors. Simultaneous
runs add files of their own.
"""

from __future__ import annotations

import hashlib
import io
import logging
import time
import zipfile
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from mmembed import files
from mmembed.types import Embedding

log = logging.getLogger(__name__)

FLUSH_ROWS = 2048
FLUSH_SECONDS = 60.0
"""New vectors in memory at the most, and seconds until they are written: a kill loses them."""

Content: TypeAlias = Literal["images", "texts", "labels"]


def content_key(data: bytes) -> bytes:
    """SHA-256 of a content: 32 bytes."""
    return hashlib.sha256(data).digest()


class EmbeddingCache:
    """The vectors of one model and one kind of content, by key. Without a folder, they last for
    this run alone."""

    def __init__(self, folder: Path | None, model: str, content: Content, dim: int) -> None:
        self.folder = None if folder is None else folder / model / content
        self.dim = dim
        self._rows: dict[bytes, Embedding] = {}
        self._new: list[bytes] = []
        self._flushed = time.monotonic()
        if self.folder is not None:
            for path in sorted(self.folder.glob("*.npz")):
                self._load(path)

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, key: bytes) -> Embedding | None:
        """The vector of a content, or None."""
        return self._rows.get(key)

    def add(self, key: bytes, row: Embedding) -> None:
        """Add a vector; the next `flush` writes it to disk, and comes by itself at times."""
        if key not in self._rows:
            self._rows[key] = row
            self._new.append(key)
        late = time.monotonic() - self._flushed > FLUSH_SECONDS
        if late or len(self._new) >= FLUSH_ROWS:
            self.flush()

    def flush(self) -> None:
        """Write the new vectors. A failure is logged, and costs time in the next run."""
        if self.folder is None or not self._new:
            return
        keys, self._new = self._new, []
        self._flushed = time.monotonic()
        buffer = io.BytesIO()
        np.savez(
            buffer,
            keys=np.frombuffer(b"".join(keys), np.uint8).reshape(len(keys), -1),
            rows=np.stack([self._rows[key] for key in keys]),
        )
        try:
            _write(self.folder, buffer.getvalue())
        except OSError as error:
            log.warning("%s: embeddings cannot be kept: %s", self.folder, error.strerror)

    def _load(self, path: Path) -> None:
        try:
            data = path.read_bytes()
            if _name(data) != path.name:
                raise ValueError("its checksum does not hold")
            with np.load(io.BytesIO(data), allow_pickle=False) as file:
                keys, rows = file["keys"], file["rows"]
            if rows.dtype != np.float32 or rows.shape != (len(keys), self.dim):
                raise ValueError(f"expected float32 ({len(keys)}, {self.dim})")
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            log.warning("%s: not used (%s); its contents are embedded again", path, error)
            _discard(path)
            return
        self._rows.update(zip(map(bytes, keys), rows, strict=True))


def _write(folder: Path, data: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    files.replace(folder / _name(data), data)


def _discard(path: Path) -> None:
    try:
        path.unlink()
    except OSError:
        log.warning("%s: cannot be removed", path)


def _name(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32] + ".npz"
