"""Writes embeddings as rows: one for each distinct vector of a model, and one for each content."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmembed.errors import StoreError, Unstorable
from mmembed.store.chunks import Chunk
from mmembed.store.entries import CaptionEntry, Model
from mmembed.store.sqlite.rows import SERVING
from mmembed.types import Kind

INSERT_SQL = """
INSERT INTO content_vectors (kind, sha256, model_id, start, stop, vector_id)
VALUES (?, ?, ?, ?, ?, ?)
"""


@dataclass(frozen=True)
class Space:
    """The vectors of one model, to which a transaction adds."""

    model_id: int
    dim: int


def serving_space(db: sqlite3.Connection) -> Space:
    """The vectors of the model that serves. Raises StoreError if there is none."""
    row = db.execute(f"SELECT id, dim FROM models WHERE id = {SERVING}").fetchone()
    if row is None:
        raise StoreError("the folder belongs to no model yet; claim it for one before writing")
    return Space(*row)


def space_of(db: sqlite3.Connection, model: Model) -> Space:
    """The vectors of a model, which the catalog knows from now on."""
    db.execute(
        "INSERT OR IGNORE INTO models (name, fingerprint, dim) VALUES (?, ?, ?)",
        (model.name, model.fingerprint, model.dim),
    )
    row = db.execute(
        "SELECT id, dim FROM models WHERE fingerprint = ?", (model.fingerprint,)
    ).fetchone()
    return Space(*row)


def keep_vector(
    db: sqlite3.Connection,
    space: Space,
    kind: Kind,
    sha256: str,
    embedding: NDArray[np.float32] | None,
) -> None:
    """Give a content its vector, unless it has one. Raises Unstorable if it then has none.

    Equal vectors share one row: hundreds of identical vectors would fill a cell.
    """
    if _has_vectors(db, space, kind, sha256):
        return
    if embedding is None:
        raise Unstorable(f"content {sha256[:12]}… lost its vector meanwhile; run again")
    vector_id = _vector(db, space, kind, blob_of(embedding, space.dim))
    db.execute(INSERT_SQL, (kind, sha256, space.model_id, 0, None, vector_id))


def keep_caption(db: sqlite3.Connection, space: Space, entry: CaptionEntry) -> None:
    """Give a caption its vector, or those of its chunks, unless it has any. Raises Unstorable if it
    then has none."""
    if not entry.chunks:
        keep_vector(db, space, "caption", entry.sha256, entry.embedding)
    elif not _has_vectors(db, space, "caption", entry.sha256):
        _insert_chunks(db, space, entry.sha256, entry.chunks)


def replace_by_chunks(
    db: sqlite3.Connection, space: Space, sha256: str, chunks: Sequence[Chunk]
) -> None:
    """Give a caption the vectors of its chunks instead of those that it has."""
    db.execute(
        "DELETE FROM content_vectors WHERE kind = 'caption' AND sha256 = ? AND model_id = ?",
        (sha256, space.model_id),
    )
    _insert_chunks(db, space, sha256, chunks)


def _insert_chunks(
    db: sqlite3.Connection, space: Space, sha256: str, chunks: Sequence[Chunk]
) -> None:
    for chunk in chunks:
        vector_id = _vector(db, space, "caption", blob_of(chunk.embedding, space.dim))
        values = ("caption", sha256, space.model_id, chunk.start, chunk.stop, vector_id)
        db.execute(INSERT_SQL, values)


def _has_vectors(db: sqlite3.Connection, space: Space, kind: Kind, sha256: str) -> bool:
    sql = "SELECT 1 FROM content_vectors WHERE kind = ? AND sha256 = ? AND model_id = ? LIMIT 1"
    return db.execute(sql, (kind, sha256, space.model_id)).fetchone() is not None


def _vector(db: sqlite3.Connection, space: Space, kind: Kind, blob: bytes) -> int:
    """The id of this vector's row, which may be there already."""
    digest = hashlib.blake2b(blob, digest_size=16).digest()
    same = db.execute(
        "SELECT id FROM vectors WHERE model_id = ? AND kind = ? AND digest = ?",
        (space.model_id, kind, digest),
    ).fetchone()
    if same:
        return int(same[0])
    row_id = db.execute(
        "INSERT INTO vectors (model_id, kind, embedding, digest) VALUES (?, ?, ?, ?)",
        (space.model_id, kind, blob, digest),
    ).lastrowid
    assert row_id is not None
    return row_id


def blob_of(embedding: NDArray[np.float32], dim: int) -> bytes:
    """An embedding as it is stored. Raises Unstorable if it would spoil searches."""
    with np.errstate(over="ignore"):  # values too large for float16 are refused below
        half = np.ascontiguousarray(embedding, dtype="<f2")
    if half.shape != (dim,) or not np.isfinite(half).all() or not half.any():
        raise Unstorable(f"an embedding is not a finite, non-zero vector of {dim} numbers")
    return half.tobytes()
