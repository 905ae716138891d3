"""The catalog's tables, and how a connection to them is opened."""

from __future__ import annotations

import os
import sqlite3
import uuid
from pathlib import Path

from mmembed.catalog import additions
from mmembed.catalog.lock import WRITE_LOCK, WRITE_WAIT_S, exclusive
from mmembed.config import CATALOG_FILE
from mmembed.errors import StoreError

FILE_NAME = CATALOG_FILE
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


def connect(folder: Path) -> sqlite3.Connection:
    """Open the catalog of a data folder, making both where they are missing.

    Autocommit mode: transactions are begun explicitly. A folder that cannot be written, on
    a read-only disk for example, can still be read. Raises StoreError where the folder
    cannot be used or the file is not a sound catalog of this version.
    """
    path = folder / FILE_NAME
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            return _open(path, "mode=rwc")
        except sqlite3.OperationalError:
            if not path.is_file() or _writable(folder):
                raise
            return _open_unwritable(path)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"{path}: cannot be opened as a catalog: {error}") from error


def _open(path: Path, options: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{options}",
        uri=True,
        timeout=BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        _prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _open_unwritable(path: Path) -> sqlite3.Connection:
    """SQLite needs a log beside a catalog even to read it, unless nothing can change it."""
    log = Path(f"{path}-wal")
    if log.exists() and log.stat().st_size:
        raise StoreError(
            f"{path}: its last changes lie in {log.name}, and the folder cannot be written; "
            "open it once where it can, or copy it"
        )
    return _open(path, "immutable=1")


def _writable(folder: Path) -> bool:
    return os.access(folder, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    # FULL: what was acknowledged survives a power cut, not only a crash.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA recursive_triggers = ON")
    # Only the holder of the write lock checkpoints: SQLite before 3.51.3 can corrupt a
    # database whose WAL is reset by two connections at once.
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    if _version(connection) == 0:
        _create(connection, path)
    elif _version(connection) != SCHEMA_VERSION:
        raise StoreError(
            f"{path}: written by another version of mmembed (layout {_version(connection)}, this "
            f"one reads {SCHEMA_VERSION}); use that version, or index into a new folder with "
            "--data"
        )
    elif _journal(connection) != "wal" and _writable(path.parent):
        # A backup that was made with VACUUM INTO.
        with exclusive(path.with_name(WRITE_LOCK), purpose="opening", wait_s=WRITE_WAIT_S):
            connection.execute("PRAGMA journal_mode = WAL")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _journal(connection: sqlite3.Connection) -> str:
    return str(connection.execute("PRAGMA journal_mode").fetchone()[0])


def _create(connection: sqlite3.Connection, path: Path) -> None:
    with exclusive(path.with_name(WRITE_LOCK), purpose="making the catalog", wait_s=WRITE_WAIT_S):
        if _version(connection) == SCHEMA_VERSION:
            return  # another process was quicker
        if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise StoreError(f"{path}: is a database of another program; choose another --data")
        identity = uuid.UUID(bytes=os.urandom(16)).hex
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(
            f"BEGIN IMMEDIATE; {TABLES} {';'.join(additions.STATEMENTS)};"
            f"INSERT INTO meta VALUES ('collection', '{identity}');"
            f"PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
        )
