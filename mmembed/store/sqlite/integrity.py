"""Checks the integrity of a catalog: SQLite's own check, and mmembed's rules for the rows."""

from __future__ import annotations

import hashlib
import re
import sqlite3
import time
from collections.abc import Iterator
from typing import Any

from mmembed.store.row_rules import row_rules
from mmembed.store.sqlite.rows import SERVING, legible

MOST_FOUND = 5
ROWS = 500
PAUSES = 4.0
"""A check beside other work pauses for so many times the seconds that it worked: it holds the
interpreter's lock, which searches need."""

PROMISES = row_rules(SERVING) | {
    "captions with another path than their image": (
        "SELECT count(*) FROM items AS captions JOIN items ON items.id = captions.image_id "
        "WHERE captions.path IS NOT items.path"
    ),
    "images that show another caption than their first": (
        "SELECT count(*) FROM items WHERE kind = 'image' AND caption IS NOT (SELECT caption "
        "FROM items AS captions WHERE captions.image_id = items.id ORDER BY position, id LIMIT 1)"
    ),
    "vectors of no content": (
        "SELECT count(*) FROM vectors WHERE id NOT IN (SELECT vector_id FROM content_vectors)"
    ),
    "images without their words": (
        "SELECT count(*) FROM items WHERE kind = 'image' "
        "AND id NOT IN (SELECT item_id FROM item_words)"
    ),
    "images whose words are out of date": "SELECT count(*) FROM words_due WHERE item_id > 0",
    "words of no image": (
        "SELECT count(*) FROM item_words "
        "WHERE item_id NOT IN (SELECT id FROM items WHERE kind = 'image')"
    ),
}
"""Queries that count faults; each must give 0."""


def faults(connection: sqlite3.Connection, *, pause: bool = False) -> list[str]:
    """The faults of a catalog, or an empty list.

    pause: lets other threads run in between. Raises sqlite3.OperationalError if it was interrupted.
    """
    connection.text_factory = legible
    try:
        lines = [str(row[0]) for row in connection.execute(f"PRAGMA integrity_check({MOST_FOUND})")]
        if lines != ["ok"]:
            return lines
        if connection.execute("PRAGMA foreign_key_check").fetchone() is not None:
            return ["rows point to others that are not there"]
        return list(_of_rows(connection, PAUSES if pause else 0.0))[:MOST_FOUND]
    except sqlite3.OperationalError as error:
        if "interrupted" in str(error):
            raise
        return [str(error)]
    except (sqlite3.Error, ValueError, TypeError) as error:
        return [str(error)]


def _of_rows(connection: sqlite3.Connection, pauses: float) -> Iterator[str]:
    yield from _of_meta(connection)
    for what, sql in PROMISES.items():
        [count] = connection.execute(sql).fetchone()
        if count:
            yield f"{count} {what}"
    yield from _of_vectors(connection, pauses)
    yield from _of_captions(connection, pauses)


def _of_meta(connection: sqlite3.Connection) -> Iterator[str]:
    meta = dict(connection.execute("SELECT key, value FROM meta"))
    if not re.fullmatch("[0-9a-f]{32}", meta.get("collection", "")):
        yield "its id is missing or broken"
    serving = meta.get("serving_model")
    known = {str(row[0]) for row in connection.execute("SELECT id FROM models")}
    if serving is not None and serving not in known:
        yield "the model that serves is none that it knows"
    if serving is None and connection.execute("SELECT 1 FROM items LIMIT 1").fetchone():
        yield "no model serves"


def _of_vectors(connection: sqlite3.Connection, pauses: float) -> Iterator[str]:
    expected = {
        model_id: dim * 2 for model_id, dim in connection.execute("SELECT id, dim FROM models")
    }
    for vector_id, model_id, embedding, digest in _rows(
        connection, "id, model_id, embedding, digest", "vectors", pauses
    ):
        if len(embedding) != expected.get(model_id):
            yield f"vector {vector_id} has another length than its model's"
        if hashlib.blake2b(embedding, digest_size=16).digest() != digest:
            yield f"vector {vector_id} fails its checksum"


def _of_captions(connection: sqlite3.Connection, pauses: float) -> Iterator[str]:
    for item_id, kind, caption, sha256 in _rows(
        connection, "id, kind, caption, sha256", "items", pauses
    ):
        # A column may hold any type: damage changes types, too.
        text = caption.encode() if isinstance(caption, str) else b""
        if kind == "caption" and hashlib.sha256(text).hexdigest() != sha256:
            yield f"caption {item_id} fails its checksum"


def _rows(
    connection: sqlite3.Connection, columns: str, table: str, pauses: float
) -> Iterator[tuple[Any, ...]]:
    after = -1
    sql = f"SELECT {columns} FROM {table} WHERE id > ? ORDER BY id LIMIT {ROWS}"
    started = time.thread_time()
    while rows := connection.execute(sql, (after,)).fetchall():
        yield from rows
        after = rows[-1][0]
        time.sleep(pauses * (time.thread_time() - started))
        started = time.thread_time()
