"""From layout 1 to layout 2: vectors get a model, contents their vectors, and items new columns.

Layout 1 knew one model, in `meta`, and each item pointed to its vector.
"""

from __future__ import annotations

import itertools
import re
import sqlite3
from collections.abc import Iterator

from mmembed.store.sqlite.rows import local_time
from mmembed.store.sqlite.schema import BASE, statements_of

TABLES = ("meta", "vectors", "items", "tags", "failures", "changes")
"""The tables of every catalog of layout 1."""
ROWS = 20_000
"""Copied between two reports of progress."""

MODEL_SQL = """
INSERT INTO models (id, name, fingerprint, dim)
SELECT 1, name.value, fingerprint.value, CAST(dim.value AS INTEGER)
FROM before.meta AS name, before.meta AS fingerprint, before.meta AS dim
WHERE name.key = 'model_name' AND fingerprint.key = 'model_fingerprint' AND dim.key = 'model_dim'
"""
META_SQL = """
INSERT INTO meta SELECT key, value FROM before.meta WHERE key NOT LIKE 'model\\_%' ESCAPE '\\'
UNION ALL SELECT 'serving_model', '1' FROM models
"""
VECTORS_SQL = """
INSERT INTO vectors SELECT id, 1, kind, embedding, digest FROM before.vectors
WHERE id > ? AND id <= ?
"""
ITEMS_SQL = """
INSERT INTO items (id, kind, path, sha256, caption, image_id, width, height, bytes, format,
  mtime_ns, position, date)
SELECT id, kind, path, sha256, caption, image_id, width, height, bytes, format,
  mtime_ns, position, local_time(mtime_ns) FROM before.items
WHERE id > ? AND id <= ?
"""
CHANGES_SQL = """
INSERT INTO changes SELECT seq, 1, kind, vector_id, op, mark FROM before.changes
WHERE seq > ? AND seq <= ?
"""
CONTENTS_SQL = """
INSERT INTO content_vectors SELECT kind, sha256, 1, min(vector_id) FROM before.items
WHERE kind = ? AND sha256 >= ? AND sha256 < ? GROUP BY sha256
"""
SEQUENCES_SQL = """
INSERT INTO sqlite_sequence SELECT name, seq FROM before.sqlite_sequence
WHERE name IN ('vectors', 'items', 'changes')
"""
KEPT_OUT_SQL = "INSERT INTO kept_out SELECT path, sha256, NULL FROM before.kept_out"
DEVICES_SQL = """
UPDATE kept_out SET device =
  (SELECT device FROM before.kept_out_devices AS devices WHERE devices.path = kept_out.path)
"""
REPLACED = "content_vectors"
"""Layout 4 makes this table and its index anew; until then, no statement needs the index."""
HEX = "0123456789abcdef"
HASHES = ("", *HEX[1:], "\U0010ffff")
"""The borders of ranges of hashes; the first and the last range also hold invalid hashes."""


def to_layout_2(db: sqlite3.Connection) -> Iterator[int]:
    """Fill an empty database from the catalog that is attached as `before`; within a transaction,
    without foreign keys. Yields how many rows were copied, now and then."""
    db.create_function("local_time", 1, _local_time, deterministic=True)
    made = _by_object(statements_of(BASE))
    for statement in made["TABLE"]:
        db.execute(statement)
    db.execute(MODEL_SQL)
    db.execute(META_SQL)
    yield from _in_chunks(db, VECTORS_SQL, "vectors", "id")
    yield from _in_chunks(db, ITEMS_SQL, "items", "id")
    yield from _in_chunks(db, CHANGES_SQL, "changes", "seq")
    for kind in ("image", "caption"):
        for first, end in itertools.pairwise(HASHES):
            yield db.execute(CONTENTS_SQL, (kind, first, end)).rowcount
    _copy_the_rest(db)
    # Built after the rows, an index takes a fraction of the time.
    [items] = db.execute("SELECT count(*) FROM items").fetchone()
    for statement in made["INDEX"]:
        if f"ON {REPLACED} " not in statement:
            db.execute(statement)
        yield int(items) // len(made["INDEX"])
    for statement in made["TRIGGER"]:
        db.execute(statement)


def _by_object(statements: list[str]) -> dict[str, list[str]]:
    """Statements by the object that each creates: TABLE, INDEX, TRIGGER."""
    by_object: dict[str, list[str]] = {}
    for statement in statements:
        words = re.sub(r"--[^\n]*", "", statement).replace("UNIQUE", "").split()
        by_object.setdefault(words[1] if len(words) > 1 else "", []).append(statement)
    return by_object


def rows_of(db: sqlite3.Connection) -> int:
    """How many rows `to_layout_2` reports, nearly: items are copied, lead to the vectors of their
    contents, and go into the indexes."""
    count = "SELECT count(*) FROM before."
    return sum(
        int(db.execute(f"{count}{table}").fetchone()[0]) * times
        for table, times in (("vectors", 1), ("items", 3), ("changes", 1))
    )


def images_of(db: sqlite3.Connection) -> int:
    """How many images there are, whose words later steps write."""
    sql = "SELECT count(*) FROM before.items WHERE kind = 'image'"
    return int(db.execute(sql).fetchone()[0])


def _in_chunks(db: sqlite3.Connection, sql: str, table: str, key: str) -> Iterator[int]:
    after = -(2**63)
    last = (
        f"SELECT max({key}) FROM (SELECT {key} FROM before.{table} WHERE {key} > ? "
        f"ORDER BY {key} LIMIT {ROWS})"
    )
    while (until := db.execute(last, (after,)).fetchone()[0]) is not None:
        yield db.execute(sql, (after, until)).rowcount
        after = until


def _copy_the_rest(db: sqlite3.Connection) -> None:
    names = db.execute("SELECT name FROM before.sqlite_master WHERE type = 'table'").fetchall()
    known = {str(row[0]) for row in names}
    for table in ("tags", "failures", "caption_sources", "tag_sources", "file_marks"):
        if table in known:
            db.execute(f"INSERT INTO {table} SELECT * FROM before.{table}")
    if "kept_out" in known:
        db.execute(KEPT_OUT_SQL)
    if "kept_out_devices" in known:
        db.execute(DEVICES_SQL)
    db.execute("DELETE FROM sqlite_sequence")
    db.execute(SEQUENCES_SQL)


def _local_time(mtime_ns: object) -> str | None:
    return local_time(mtime_ns) if isinstance(mtime_ns, int) else None
