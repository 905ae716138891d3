"""Writes embeddings as rows: one for each distinct vector of a model, and one for each content."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmembed.errors import StoreError, Unstorable
from mmembed.store.chunks import Chunk
from mmembed.store.entries import CaptionEntry, Model
from mmembed.store.postgres.connections import Session
from mmembed.store.postgres.halfvec import Half
from mmembed.store.postgres.rows import SERVING
from mmembed.types import Kind

DIGEST_BYTES = 16
INTO_VECTORS = "vectors (model_id integer, kind text, digest bytea, embedding halfvec)"
INTO_CONTENTS = (
    "content_vectors (kind text, sha256 text, model_id integer, start integer, stop integer, "
    "vector_id bigint)"
)
KNOWN_SQL = """
SELECT DISTINCT sha256 FROM content_vectors WHERE kind = %s AND model_id = %s AND sha256 = ANY(%s)
"""


@dataclass(frozen=True)
class VectorSpace:
    """The vectors of one model, to which a transaction adds."""

    model_id: int
    dim: int


@dataclass(frozen=True)
class _Part:
    """The vector of a content, or of a chunk of it."""

    sha256: str
    start: int
    stop: int | None
    row: NDArray[np.float16]
    digest: bytes


def serving_space(session: Session, name: str) -> VectorSpace:
    """The vectors of the model that serves. Raises StoreError if there is none."""
    rows = session.rows(f"SELECT id, dim FROM models WHERE id = {SERVING}")
    if not rows:
        raise StoreError(f"{name} belongs to no model yet; claim it for one before writing")
    return VectorSpace(*rows[0])


def space_of(session: Session, model: Model) -> VectorSpace:
    """The vectors of a model, which the store knows from now on."""
    session.run(
        "INSERT INTO models (name, fingerprint, dim) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        (model.name, model.fingerprint, model.dim),
    )
    sql = "SELECT id, dim FROM models WHERE fingerprint = %s"
    return VectorSpace(*session.rows(sql, (model.fingerprint,))[0])


def keep_vectors(
    session: Session,
    space: VectorSpace,
    kind: Kind,
    embeddings: Sequence[tuple[str, NDArray[np.float32] | None]],
) -> None:
    """Give contents their vectors, by sha256, unless they have some. Raises Unstorable for a
    content that then has none.

    Equal vectors share one row: hundreds of identical keys would spoil an HNSW graph.
    """
    wanted: dict[str, NDArray[np.float32] | None] = {}
    for sha256, embedding in embeddings:
        if wanted.get(sha256) is None:
            wanted[sha256] = embedding
    known = _known(session, space, kind, list(wanted))
    parts = []
    for sha256, embedding in wanted.items():
        if sha256 in known:
            continue
        if embedding is None:
            raise Unstorable(f"content {sha256[:12]}… lost its vector meanwhile; run again")
        parts.append(_part(sha256, 0, None, embedding, space.dim))
    _insert(session, space, kind, parts)


def keep_captions(session: Session, space: VectorSpace, entries: Sequence[CaptionEntry]) -> None:
    """Give captions their vectors, or those of their chunks, unless they have any. Raises
    Unstorable for one that then has none."""
    whole = [(entry.sha256, entry.embedding) for entry in entries if not entry.chunks]
    keep_vectors(session, space, "caption", whole)
    cut = {entry.sha256: entry.chunks for entry in entries if entry.chunks}
    known = _known(session, space, "caption", list(cut))
    _insert_chunks(session, space, {one: cut[one] for one in cut if one not in known})


def replace_by_chunks(
    session: Session, space: VectorSpace, cuts: Mapping[str, Sequence[Chunk]]
) -> None:
    """Give captions the vectors of their chunks, by sha256, instead of those that they have."""
    session.run(
        "DELETE FROM content_vectors WHERE kind = 'caption' AND model_id = %s AND sha256 = ANY(%s)",
        (space.model_id, list(cuts)),
    )
    _insert_chunks(session, space, cuts)


def copy_vectors(
    session: Session,
    space: VectorSpace,
    kind: Kind,
    parts: Sequence[tuple[str, int, int | None, NDArray[np.float16]]],
) -> None:
    """Give contents the vectors that they have in another database, unless they have some: each
    with the first character of its chunk and the one after the last."""
    known = _known(session, space, kind, list({sha256 for sha256, *_ in parts}))
    rows = [
        _Part(sha256, start, stop, row, digest_of(row))
        for sha256, start, stop, row in parts
        if sha256 not in known
    ]
    _insert(session, space, kind, rows)


def _insert_chunks(
    session: Session, space: VectorSpace, cuts: Mapping[str, Sequence[Chunk]]
) -> None:
    parts = [
        _part(sha256, chunk.start, chunk.stop, chunk.embedding, space.dim)
        for sha256, chunks in cuts.items()
        for chunk in chunks
    ]
    _insert(session, space, "caption", parts)


def _known(session: Session, space: VectorSpace, kind: Kind, contents: list[str]) -> set[str]:
    if not contents:
        return set()
    rows = session.rows(KNOWN_SQL, (kind, space.model_id, contents))
    return {str(row[0]) for row in rows}


def _part(
    sha256: str, start: int, stop: int | None, embedding: NDArray[np.float32], dim: int
) -> _Part:
    """An embedding as it is stored. Raises Unstorable if it would spoil searches."""
    with np.errstate(over="ignore"):  # values too large for float16 are refused below
        half = np.ascontiguousarray(embedding, dtype="<f2")
    if half.shape != (dim,) or not np.isfinite(half).all() or not half.any():
        raise Unstorable(f"an embedding is not a finite, non-zero vector of {dim} numbers")
    return _Part(sha256, start, stop, half, digest_of(half))


def digest_of(row: NDArray[np.float16]) -> bytes:
    """The checksum of a stored vector, little-endian."""
    return hashlib.blake2b(row.tobytes(), digest_size=DIGEST_BYTES).digest()


def _insert(session: Session, space: VectorSpace, kind: Kind, parts: Sequence[_Part]) -> None:
    if not parts:
        return
    distinct: dict[bytes, _Part] = {}
    for part in parts:
        distinct.setdefault(part.digest, part)
    digests = list(distinct)
    sql = "SELECT digest, id FROM vectors WHERE model_id = %s AND kind = %s AND digest = ANY(%s)"
    values = (space.model_id, kind, digests)
    known = {bytes(digest) for digest, _ in session.rows(sql, values)}
    new = [part for digest, part in distinct.items() if digest not in known]
    session.insert(
        INTO_VECTORS,
        [(space.model_id, kind, part.digest, Half(part.row)) for part in new],
        keys=[part.sha256 for part in new],
    )
    ids = {bytes(digest): int(vector_id) for digest, vector_id in session.rows(sql, values)}
    session.insert(
        INTO_CONTENTS,
        [
            (kind, part.sha256, space.model_id, part.start, part.stop, ids[part.digest])
            for part in parts
        ],
    )
