"""The catalog's tables, and whether a file holds them."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from functools import cache

from mmembed.config.settings import CATALOG_FILE
from mmembed.store.sqlite import later_tables

FILE_NAME = CATALOG_FILE
SCHEMA_VERSION = 1

TABLES = """
CREATE TABLE meta (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;

-- One row per distinct embedding. Ids are never reused, so that a key in a stale
-- view can resolve to nothing, but never to another picture.
CREATE TABLE vectors (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL CHECK (kind IN ('image', 'caption')),
  embedding BLOB NOT NULL,  -- float16, little-endian
  digest BLOB NOT NULL,     -- of `embedding`
  UNIQUE (kind, digest)
);

CREATE TABLE items (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL CHECK (kind IN ('image', 'caption')),
  path TEXT,
  sha256 TEXT NOT NULL,
  caption TEXT,
  image_id INTEGER REFERENCES items (id) ON DELETE CASCADE,
  vector_id INTEGER NOT NULL REFERENCES vectors (id),
  width INTEGER,
  height INTEGER,
  bytes INTEGER,
  format TEXT,
  mtime_ns INTEGER,
  position INTEGER NOT NULL DEFAULT 0  -- of a caption among those of its image
);
CREATE UNIQUE INDEX items_path ON items (path) WHERE kind = 'image';
CREATE INDEX items_content ON items (kind, sha256);
CREATE INDEX items_vector ON items (vector_id);
CREATE INDEX items_image ON items (image_id) WHERE image_id IS NOT NULL;

CREATE TABLE tags (
  item_id INTEGER NOT NULL REFERENCES items (id) ON DELETE CASCADE,
  tag TEXT NOT NULL,
  PRIMARY KEY (item_id, tag)
) WITHOUT ROWID;
CREATE INDEX tags_tag ON tags (tag);

CREATE TABLE failures (
  path TEXT PRIMARY KEY,
  error TEXT NOT NULL,
  message TEXT NOT NULL,
  at TEXT NOT NULL DEFAULT (datetime('now'))
) WITHOUT ROWID;

-- What a view has to follow, in order: each vector added (1) or removed (-1). The random
-- mark tells a view of this history from one of another, after a backup was restored.
CREATE TABLE changes (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  vector_id INTEGER NOT NULL,
  op INTEGER NOT NULL CHECK (op IN (1, -1)),
  mark BLOB NOT NULL DEFAULT (randomblob(8))
);
CREATE TRIGGER vector_added AFTER INSERT ON vectors BEGIN
  INSERT INTO changes (kind, vector_id, op) VALUES (new.kind, new.id, 1);
END;
CREATE TRIGGER vector_removed AFTER DELETE ON vectors BEGIN
  INSERT INTO changes (kind, vector_id, op) VALUES (old.kind, old.id, -1);
END;

-- A vector lives as long as an item points to it.
CREATE TRIGGER item_deleted AFTER DELETE ON items BEGIN
  DELETE FROM vectors WHERE id = old.vector_id
    AND NOT EXISTS (SELECT 1 FROM items WHERE vector_id = old.vector_id);
END;
CREATE TRIGGER item_revectored AFTER UPDATE OF vector_id ON items
WHEN old.vector_id <> new.vector_id BEGIN
  DELETE FROM vectors WHERE id = old.vector_id
    AND NOT EXISTS (SELECT 1 FROM items WHERE vector_id = old.vector_id);
END;
"""


def version(connection: sqlite3.Connection) -> int:
    """The layout's number; 0 in a new file. Raises sqlite3.Error."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def lacking(connection: sqlite3.Connection) -> str | None:
    """A table, index or trigger that is missing or another than ours; None where all are there.
    Raises sqlite3.Error."""
    found = _parts(connection)
    for name, text in _ours().items():
        if name not in found and name.removeprefix("table ") in later_tables.NAMES:
            continue  # it comes with the next change
        if name not in found:
            return f"lacks {name}"
        if found[name] != text:
            return f"has another {name}"
    return None


@cache
def _ours() -> dict[str, str]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(TABLES)
        later_tables.add(connection)
        return _parts(connection)


def _parts(connection: sqlite3.Connection) -> dict[str, str]:
    rows = connection.execute(
        "SELECT type || ' ' || name, sql FROM sqlite_master WHERE sql IS NOT NULL"
    ).fetchall()
    return {str(name): _plain(str(sql)) for name, sql in rows}


def _plain(sql: str) -> str:
    """SQL without comments and spaces, which change nothing."""
    return re.sub(r"--[^\n]*|\s+", "", sql)
