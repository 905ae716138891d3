"""Writing the catalog: one lock, one transaction a change, the vector with its row."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmembed.catalog.lock import exclusive
from mmembed.catalog.reading import CatalogReader, Model
from mmembed.errors import ModelMismatch, NotFound, StoreError
from mmembed.types import Failure, Kind

WRITE_LOCK = "catalog.lock"
INDEX_LOCK = "index.lock"
WRITE_WAIT_S = 30.0
CHECKPOINT_BYTES = 16 * 2**20
"""The write-ahead log is folded into the database when it has grown past this."""


@dataclass(frozen=True)
class CaptionEntry:
    """A caption to write; without an embedding where its text has a vector already."""

    text: str
    embedding: NDArray[np.float32] | None

    @property
    def sha256(self) -> str:
        """Identity of the caption: of its UTF-8 text, hex."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True)
class ImageEntry:
    """An image to write; without an embedding where its content has a vector already."""

    path: str
    sha256: str
    embedding: NDArray[np.float32] | None
    width: int
    height: int
    bytes: int
    format: str
    mtime_ns: int
    captions: tuple[CaptionEntry, ...] = ()
    tags: tuple[str, ...] = ()


class Catalog(CatalogReader):
    """The truth of a collection. Every change is durable when its method returns.

    Methods raise StoreBusy where another process holds the write lock for too long and
    StoreError where the disk refuses; in both cases nothing of the change is kept.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._wal = Path(f"{folder / 'catalog.sqlite3'}-wal")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        lock = exclusive(
            self.folder / WRITE_LOCK, purpose="writing the catalog", wait_s=WRITE_WAIT_S
        )
        with self._lock, lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    yield self._connection
                except BaseException:
                    self._connection.execute("ROLLBACK")
                    raise
                self._connection.execute("COMMIT")
                self._checkpoint()
            except (sqlite3.Error, UnicodeEncodeError) as error:
                raise StoreError(f"{self.folder}: the change was not kept: {error}") from error

    def _checkpoint(self) -> None:
        if self._wal.exists() and self._wal.stat().st_size > CHECKPOINT_BYTES:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def claim(self, model: Model) -> None:
        """Bind an empty folder to a model, or make sure that it is bound to this one.

        Raises ModelMismatch, with the remedy, where it was built with another.
        """
        known = self.model()
        if known is None:
            rows = [(f"model_{k}", str(v)) for k, v in vars(model).items()]
            with self._transaction() as db:
                db.executemany("INSERT OR IGNORE INTO meta VALUES (?, ?)", rows)
            known = self.model()
        if known is None or known.fingerprint != model.fingerprint:
            raise ModelMismatch(
                f"{self.folder} holds vectors of {known.name if known else 'another model'}, "
                f"not of {model.name}, and the two cannot be compared; choose that model, or "
                "another folder with --data"
            )

    def write(self, entries: Sequence[ImageEntry], failures: Sequence[Failure] = ()) -> list[int]:
        """Add images, or replace what was known under their paths; returns their ids.

        Failures of the same batch are noted; a path that succeeds loses its old failure.
        """
        with self._transaction() as db:
            ids = [_write_image(db, entry) for entry in entries]
            db.executemany("DELETE FROM failures WHERE path = ?", [(e.path,) for e in entries])
            db.executemany(
                "INSERT OR REPLACE INTO failures (path, error, message) VALUES (?, ?, ?)",
                [(f.name, f.error, f.message) for f in failures],
            )
        return ids

    def write_caption(self, entry: CaptionEntry, tags: Sequence[str] = ()) -> int:
        """Add a caption that belongs to no image; the same text keeps its id."""
        with self._transaction() as db:
            found = db.execute(
                "SELECT id FROM items WHERE kind = 'caption' AND sha256 = ? AND image_id IS NULL",
                (entry.sha256,),
            ).fetchone()
            item_id = int(found[0]) if found else _insert_caption(db, entry, None, None)
            _add_tags(db, item_id, tags)
        return item_id

    def set_captions(self, image_id: int, captions: Sequence[CaptionEntry]) -> None:
        """Make these the image's captions; those that stay keep their ids."""
        with self._transaction() as db:
            row = db.execute("SELECT path FROM items WHERE id = ?", (image_id,)).fetchone()
            if row is None:
                raise NotFound(f"item {image_id}: no such item")
            _set_captions(db, image_id, row[0], captions)

    def set_tags(self, item_id: int, tags: Sequence[str]) -> None:
        """Make these the item's tags. Raises NotFound."""
        with self._transaction() as db:
            if db.execute("SELECT 1 FROM items WHERE id = ?", (item_id,)).fetchone() is None:
                raise NotFound(f"item {item_id}: no such item")
            db.execute("DELETE FROM tags WHERE item_id = ?", (item_id,))
            _add_tags(db, item_id, tags)

    def add_tags(self, item_id: int, tags: Sequence[str]) -> None:
        """Add tags to an item, keeping those it has."""
        with self._transaction() as db:
            _add_tags(db, item_id, tags)

    def move(self, item_id: int, path: str, mtime_ns: int) -> None:
        """The file of an image lies at another path, or has another time; its content stays."""
        with self._transaction() as db:
            db.execute(
                "UPDATE items SET path = ?, mtime_ns = ? WHERE id = ?", (path, mtime_ns, item_id)
            )
            db.execute("UPDATE items SET path = ? WHERE image_id = ?", (path, item_id))
            db.execute("DELETE FROM failures WHERE path = ?", (path,))

    def remove(self, item_ids: Sequence[int]) -> int:
        """Remove items, with the captions of removed images; returns how many were there."""
        with self._transaction() as db:
            one = partial(db.execute, "DELETE FROM items WHERE id = ?")
            return sum(one((item_id,)).rowcount for item_id in item_ids)

    def forget_failures(self, gone: Callable[[str], bool]) -> None:
        """Drop the noted failures of paths for which `gone` is true."""
        paths = [(f.name,) for f in self.failures() if gone(f.name)]
        if paths:
            with self._transaction() as db:
                db.executemany("DELETE FROM failures WHERE path = ?", paths)

    @contextmanager
    def write_lock(self, purpose: str) -> Iterator[None]:
        """Keep every other writer out for the length of the block; for publishing views."""
        with exclusive(self.folder / WRITE_LOCK, purpose=purpose, wait_s=WRITE_WAIT_S):
            yield

    @contextmanager
    def indexing_lock(self) -> Iterator[None]:
        """Held for a whole indexing, so that two don't embed the same files."""
        with exclusive(self.folder / INDEX_LOCK, purpose="indexing", wait_s=0):
            yield


def _write_image(db: sqlite3.Connection, entry: ImageEntry) -> int:
    vector_id = _vector(db, "image", entry.sha256, entry.embedding)
    values = (
        entry.sha256, vector_id, entry.width, entry.height,
        entry.bytes, entry.format, entry.mtime_ns,
    )  # fmt: skip
    found = db.execute(
        "SELECT id FROM items WHERE kind = 'image' AND path = ?", (entry.path,)
    ).fetchone()
    if found:
        item_id = int(found[0])
        db.execute(
            "UPDATE items SET sha256 = ?, vector_id = ?, width = ?, height = ?, bytes = ?, "
            "format = ?, mtime_ns = ? WHERE id = ?",
            (*values, item_id),
        )
    else:
        item_id = _insert(
            db,
            "INSERT INTO items (kind, path, sha256, vector_id, width, height, bytes, format, "
            "mtime_ns) VALUES ('image', ?, ?, ?, ?, ?, ?, ?, ?)",
            (entry.path, *values),
        )
    if entry.captions:
        _set_captions(db, item_id, entry.path, entry.captions)
    _add_tags(db, item_id, entry.tags)
    return item_id


def _set_captions(
    db: sqlite3.Connection, image_id: int, path: str | None, captions: Sequence[CaptionEntry]
) -> None:
    rows = db.execute("SELECT caption, id FROM items WHERE image_id = ?", (image_id,)).fetchall()
    old = {str(text): int(item_id) for text, item_id in rows}
    wanted = {entry.text: entry for entry in captions}
    for text, entry in wanted.items():
        if text not in old:
            _insert_caption(db, entry, image_id, path)
    for text, item_id in old.items():
        if text not in wanted:
            db.execute("DELETE FROM items WHERE id = ?", (item_id,))
    first = next(iter(wanted), None)
    db.execute("UPDATE items SET caption = ? WHERE id = ?", (first, image_id))


def _insert_caption(
    db: sqlite3.Connection, entry: CaptionEntry, image_id: int | None, path: str | None
) -> int:
    vector_id = _vector(db, "caption", entry.sha256, entry.embedding)
    return _insert(
        db,
        "INSERT INTO items (kind, path, sha256, caption, image_id, vector_id) "
        "VALUES ('caption', ?, ?, ?, ?, ?)",
        (path, entry.sha256, entry.text, image_id, vector_id),
    )


def _add_tags(db: sqlite3.Connection, item_id: int, tags: Sequence[str]) -> None:
    db.executemany("INSERT OR IGNORE INTO tags VALUES (?, ?)", [(item_id, tag) for tag in tags])


def _insert(db: sqlite3.Connection, sql: str, values: Sequence[object]) -> int:
    row_id = db.execute(sql, values).lastrowid
    assert row_id is not None
    return row_id


def _vector(
    db: sqlite3.Connection, kind: Kind, sha256: str, embedding: NDArray[np.float32] | None
) -> int:
    """The row of this content's vector: the one it has already, or a new one.

    Equal vectors share one row: hundreds of identical keys would spoil an HNSW graph.
    """
    found = db.execute(
        "SELECT vector_id FROM items WHERE kind = ? AND sha256 = ? LIMIT 1", (kind, sha256)
    ).fetchone()
    if found:
        return int(found[0])
    if embedding is None:
        raise StoreError(f"content {sha256[:12]}… lost its vector meanwhile; run again")
    blob = _blob(embedding)
    digest = hashlib.blake2b(blob, digest_size=16).digest()
    same = db.execute(
        "SELECT id FROM vectors WHERE kind = ? AND digest = ?", (kind, digest)
    ).fetchone()
    if same:
        return int(same[0])
    return _insert(
        db,
        "INSERT INTO vectors (kind, embedding, digest) VALUES (?, ?, ?)",
        (kind, blob, digest),
    )


def _blob(embedding: NDArray[np.float32]) -> bytes:
    half = np.ascontiguousarray(embedding, dtype="<f2")
    if half.ndim != 1 or not np.isfinite(half).all() or not half.any():
        raise StoreError("an embedding is not a finite, non-zero vector; it was not kept")
    return half.tobytes()
