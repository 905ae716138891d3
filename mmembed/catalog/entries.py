"""What is written of images and captions, and how it becomes rows."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmembed.catalog.rows import TAG_SEPARATOR
from mmembed.errors import StoreError
from mmembed.types import Kind


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


def write_image(db: sqlite3.Connection, entry: ImageEntry) -> int:
    """Add an image, or replace what is known under its path; returns its id."""
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
        set_captions(db, item_id, entry.path, entry.captions)
    add_tags(db, item_id, entry.tags)
    return item_id


def set_captions(
    db: sqlite3.Connection, image_id: int, path: str | None, captions: Sequence[CaptionEntry]
) -> None:
    """Make these the image's captions, in this order; those that stay keep their ids."""
    rows = db.execute("SELECT caption, id FROM items WHERE image_id = ?", (image_id,)).fetchall()
    old = {str(text): int(item_id) for text, item_id in rows}
    wanted = {entry.text: entry for entry in captions}
    for position, (text, entry) in enumerate(wanted.items()):
        if text in old:
            db.execute("UPDATE items SET position = ? WHERE id = ?", (position, old[text]))
        else:
            insert_caption(db, entry, image_id, path, position)
    for text, item_id in old.items():
        if text not in wanted:
            db.execute("DELETE FROM items WHERE id = ?", (item_id,))
    choose_first_caption(db, image_id)


def choose_first_caption(db: sqlite3.Connection, image_id: int) -> None:
    """An image's own row shows the first of its captions."""
    db.execute(
        "UPDATE items SET caption = (SELECT caption FROM items AS captions "
        "WHERE captions.image_id = items.id ORDER BY position, id LIMIT 1) WHERE id = ?",
        (image_id,),
    )


def insert_caption(
    db: sqlite3.Connection,
    entry: CaptionEntry,
    image_id: int | None = None,
    path: str | None = None,
    position: int = 0,
) -> int:
    """Add a caption, of an image or of none; returns its id."""
    vector_id = _vector(db, "caption", entry.sha256, entry.embedding)
    return _insert(
        db,
        "INSERT INTO items (kind, path, sha256, caption, image_id, vector_id, position) "
        "VALUES ('caption', ?, ?, ?, ?, ?, ?)",
        (path, entry.sha256, entry.text, image_id, vector_id, position),
    )


def add_tags(db: sqlite3.Connection, item_id: int, tags: Sequence[str]) -> None:
    """Add tags to an item, each once."""
    db.executemany(
        "INSERT OR IGNORE INTO tags VALUES (?, ?)",
        [(item_id, tag.replace(TAG_SEPARATOR, " ")) for tag in tags],
    )


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
    blob = _blob(embedding, _dim(db))
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


def _dim(db: sqlite3.Connection) -> int:
    row = db.execute("SELECT value FROM meta WHERE key = 'model_dim'").fetchone()
    if row is None:
        raise StoreError("the folder belongs to no model yet; claim it for one before writing")
    return int(row[0])


def _blob(embedding: NDArray[np.float32], dim: int) -> bytes:
    with np.errstate(over="ignore"):  # what is too large for float16 is refused below
        half = np.ascontiguousarray(embedding, dtype="<f2")
    if half.shape != (dim,) or not np.isfinite(half).all() or not half.any():
        raise StoreError(f"an embedding is not a finite, non-zero vector of {dim} numbers")
    return half.tobytes()
