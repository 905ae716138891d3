"""Copies items from one shard to another, with all that belongs to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmembed.store.entries import Model
from mmembed.store.postgres.connections import Session
from mmembed.store.postgres.rows import EMBEDDING, halves
from mmembed.store.postgres.word_rows import write_words
from mmembed.store.postgres.write_records import keep_hashes
from mmembed.store.postgres.write_vectors import copy_vectors, space_of
from mmembed.types import KINDS

TABLES = {
    "items": (
        "id bigint, kind text, path text, sha256 text, caption text, image_id bigint, "
        "width bigint, height bigint, bytes bigint, format text, mtime_ns bigint, "
        "position integer, taken text, taken_offset integer, date text, camera text, lens text, "
        "latitude double precision, longitude double precision, added bigint, meta jsonb, "
        "header_read integer"
    ),
    "tags": "item_id bigint, tag text",
    "caption_sources": "caption_id bigint, source text",
    "tag_sources": "item_id bigint, tag text, source text",
    "automatic_tags": "item_id bigint, tag text, label_set text, score double precision",
    "meta_sources": "item_id bigint, source text, fields text",
    "file_marks": "item_id bigint, device bigint, inode bigint, ctime_ns bigint",
}
"""The tables with rows of items, and their columns with types; the first column is the item."""
FAMILY_SQL = "SELECT id, sha256, kind FROM items WHERE id = ANY(%s) OR image_id = ANY(%s)"
VECTORS_SQL = f"""
SELECT sha256, start, stop, {EMBEDDING.format("embedding")} FROM content_vectors AS of_content
JOIN vectors ON vectors.id = vector_id
WHERE of_content.kind = %s AND of_content.model_id = %s AND sha256 = ANY(%s)
ORDER BY sha256, start
"""


def copy_items(old: Session, new: Session, item_ids: Sequence[int]) -> None:
    """Copy images with their captions, and captions without an image, under their ids. Items that
    are there already stay as they are: they may have been changed there. Both are sessions of
    changes, and `new` has `numbers`."""
    there = new.rows("SELECT id FROM items WHERE id = ANY(%s)", (list(item_ids),))
    missing = sorted(set(item_ids) - {int(row[0]) for row in there})
    family = old.rows(FAMILY_SQL, (missing, missing))
    ids = [int(row[0]) for row in family]
    for table, columns in TABLES.items():
        _copy_rows(old, new, table, columns, ids)
    images = list({sha256 for _, sha256, kind in family if kind == "image"})
    hashes = old.rows("SELECT sha256, hashes FROM image_hashes WHERE sha256 = ANY(%s)", (images,))
    keep_hashes(new, dict(hashes))
    models = old.rows("SELECT id, name, fingerprint, dim FROM models ORDER BY id")
    for model_id, *facts in models:
        space = space_of(new, Model(*facts))
        for kind in KINDS:
            contents = list({sha256 for _, sha256, of_kind in family if of_kind == kind})
            rows = old.rows(VECTORS_SQL, (kind, model_id, contents))
            parts = [(sha256, start, stop, halves([row])[0]) for sha256, start, stop, row in rows]
            copy_vectors(new, space, kind, parts)
    write_words(new)


def _copy_rows(old: Session, new: Session, table: str, columns: str, ids: list[int]) -> None:
    names = [column.split(" ")[0] for column in columns.split(", ")]
    selected = ", ".join(f"{name}::text" if name == "meta" else name for name in names)
    sql = f"SELECT {selected} FROM {table} WHERE {names[0]} = ANY(%s)"
    rows: list[tuple[Any, ...]] = old.rows(sql, (ids,))
    new.insert(f"{table} ({columns})", rows, "ON CONFLICT DO NOTHING")
