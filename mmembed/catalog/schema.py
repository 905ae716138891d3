"""The catalog's tables, and how a connection to them is opened."""

from __future__ import annotations

import os
import sqlite3
import uuid
from pathlib import Path

from mmembed.errors import StoreError

FILE_NAME = "catalog.sqlite3"
SCHEMA_VERSION = 1
BUSY_TIMEOUT_S = 30

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
  mtime_ns INTEGER
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

-- What a view has to follow, in order: each vector added (1) or removed (-1).
CREATE TABLE changes (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  vector_id INTEGER NOT NULL,
  op INTEGER NOT NULL CHECK (op IN (1, -1))
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


def connect(folder: Path) -> sqlite3.Connection:
    """Open the catalog of a data folder, making both where they are missing.

    Autocommit mode: transactions are begun explicitly. Raises StoreError where the
    folder cannot be used or the file is not a sound catalog of this version.
    """
    path = folder / FILE_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        _prepare(connection, path)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"{path}: cannot be opened as a catalog: {error}") from error
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    # FULL: what was acknowledged survives a power cut, not only a crash.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA recursive_triggers = ON")
    # Only the holder of the write lock checkpoints: SQLite before 3.51.3 can corrupt a
    # database whose WAL is reset by two connections at once.
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        _create(connection)
    elif version != SCHEMA_VERSION:
        raise StoreError(
            f"{path}: written by another version of mmembed (layout {version}, this one reads "
            f"{SCHEMA_VERSION}); use that version, or index into a new folder with --data"
        )


def _create(connection: sqlite3.Connection) -> None:
    identity = uuid.UUID(bytes=os.urandom(16)).hex
    connection.executescript(
        "BEGIN IMMEDIATE;"
        + ("" if _exists(connection) else TABLES)
        + f"INSERT OR IGNORE INTO meta VALUES ('collection', '{identity}');"
        + f"PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
    )


def _exists(connection: sqlite3.Connection) -> bool:
    found = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone()
    return found is not None
