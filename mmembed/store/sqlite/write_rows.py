"""How entries become rows."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mmembed.errors import StoreError, Unstorable
from mmembed.store.entries import CaptionEntry, ImageEntry, Mark, Reading, by_hand, storable
from mmembed.store.sqlite.captions_and_tags import (
    add_tags,
    set_captions,
    set_tags,
    words_of,
)
from mmembed.types import Kind


def write_image(db: sqlite3.Connection, entry: ImageEntry) -> int:
    """Add an image, or replace what is known under its path; returns its id."""
    vector_id = _vector(db, "image", entry.sha256, entry.embedding)
    values = (
        entry.sha256, vector_id, entry.width, entry.height,
        storable(entry.bytes), entry.format, storable(entry.mtime_ns),
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
    if entry.mark is not None:
        mark_file(db, item_id, entry.mark)
    if entry.reading is not None:
        if not found and not entry.reading.words:
            return item_id  # most pictures are new, and nothing is said of them
        describe(db, item_id, entry.path, entry.reading, entry.captions)
        return item_id
    if entry.captions:
        set_by_hand(db, item_id, entry.path, entry.captions)
    add_tags(db, item_id, by_hand(entry.tags))
    return item_id


def mark_file(db: sqlite3.Connection, item_id: int, mark: Mark) -> None:
    """Remember the state of an image's file."""
    db.execute("INSERT OR REPLACE INTO file_marks VALUES (?, ?, ?, ?)", (item_id, *mark))


def describe(
    db: sqlite3.Connection,
    image_id: int,
    path: str | None,
    reading: Reading,
    captions: Sequence[CaptionEntry],
) -> None:
    """Bring an image's captions and tags up to what files say of it; what was set by hand stays.
    A caption that the files say and for which there is no entry is left out."""
    words = reading.after(words_of(db, image_id))
    entries = {entry.text: entry for entry in captions}
    set_captions(db, image_id, words.captions, _inserter(db, image_id, path, entries))
    set_tags(db, image_id, words.tags)


def set_by_hand(
    db: sqlite3.Connection, image_id: int, path: str | None, captions: Sequence[CaptionEntry]
) -> None:
    """Make these the image's captions, in this order; those that stay keep their ids."""
    entries = {entry.text: entry for entry in captions}
    said = by_hand(list(entries))
    set_captions(db, image_id, said, _inserter(db, image_id, path, entries))


def _inserter(
    db: sqlite3.Connection, image_id: int, path: str | None, entries: Mapping[str, CaptionEntry]
) -> Callable[[str, int], int | None]:
    def insert(text: str, position: int) -> int | None:
        entry = entries.get(text)
        return None if entry is None else insert_caption(db, entry, image_id, path, position)

    return insert


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
        raise Unstorable(f"content {sha256[:12]}… lost its vector meanwhile; run again")
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
        raise Unstorable(f"an embedding is not a finite, non-zero vector of {dim} numbers")
    return half.tobytes()
