"""The catalog's tables, and whether a file holds them."""

from __future__ import annotations

import re
import sqlite3
import threading
from contextlib import closing
from functools import cache, lru_cache
from pathlib import Path

from mmembed.config.settings import CATALOG_FILE
from mmembed.store.sqlite import layout_3, layout_4, layout_5

FILE_NAME = CATALOG_FILE

BASE_VERSION = 2
BASE = """
CREATE TABLE meta (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;

-- Every model that has vectors here. `serving_model` in meta is the id of the one that answers.
CREATE TABLE models (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  fingerprint TEXT NOT NULL UNIQUE,
  dim INTEGER NOT NULL CHECK (dim > 0)
);

-- One row per distinct embedding of a model. Ids are never reused: a key in a stale view may
-- resolve to nothing, but never to another picture.
CREATE TABLE vectors (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  model_id INTEGER NOT NULL REFERENCES models (id),
  kind TEXT NOT NULL CHECK (kind IN ('image', 'caption')),
  embedding BLOB NOT NULL,  -- float16, little-endian
  digest BLOB NOT NULL      -- of `embedding`
);
CREATE UNIQUE INDEX vectors_digest ON vectors (model_id, kind, digest);

-- The vector of a content by each model. Many contents may share one vector.
CREATE TABLE content_vectors (
  kind TEXT NOT NULL CHECK (kind IN ('image', 'caption')),
  sha256 TEXT NOT NULL,
  model_id INTEGER NOT NULL REFERENCES models (id),
  vector_id INTEGER NOT NULL REFERENCES vectors (id),
  PRIMARY KEY (kind, sha256, model_id)
) WITHOUT ROWID;
CREATE INDEX content_vectors_vector ON content_vectors (vector_id);

CREATE TABLE items (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL CHECK (kind IN ('image', 'caption')),
  path TEXT,
  sha256 TEXT NOT NULL,
  caption TEXT,
  image_id INTEGER REFERENCES items (id) ON DELETE CASCADE,
  width INTEGER,
  height INTEGER,
  bytes INTEGER,
  format TEXT,
  mtime_ns INTEGER,
  position INTEGER NOT NULL DEFAULT 0,  -- of a caption among those of its image
  taken TEXT,            -- when the picture was taken: local time, YYYY-MM-DDTHH:MM:SS[.mmm]
  taken_offset INTEGER,  -- minutes east of UTC, where the file says it
  date TEXT,             -- `taken`, else `mtime_ns` in local time; YYYY-MM-DDTHH:MM:SS
  camera TEXT,
  lens TEXT,
  latitude REAL,         -- degrees north
  longitude REAL,        -- degrees east
  added INTEGER,         -- when the row was made: seconds since 1970, UTC
  meta TEXT,             -- further fields of a manifest: a JSON object
  header_read INTEGER NOT NULL DEFAULT 0  -- what read the header: a version, or 0
);
CREATE UNIQUE INDEX items_path ON items (path) WHERE kind = 'image';
CREATE INDEX items_content ON items (kind, sha256);
CREATE INDEX items_image ON items (image_id) WHERE image_id IS NOT NULL;
CREATE INDEX items_date ON items (date) WHERE date IS NOT NULL;

CREATE TABLE tags (
  item_id INTEGER NOT NULL REFERENCES items (id) ON DELETE CASCADE,
  tag TEXT NOT NULL,
  PRIMARY KEY (item_id, tag)
) WITHOUT ROWID;
CREATE INDEX tags_tag ON tags (tag);

-- Where an image's caption was said: a file, or '' for by hand. A caption without a row is of a
-- time when that was not noted.
CREATE TABLE caption_sources (
  caption_id INTEGER NOT NULL REFERENCES items (id) ON DELETE CASCADE,
  source TEXT NOT NULL,
  PRIMARY KEY (caption_id, source)
) WITHOUT ROWID;
CREATE TABLE tag_sources (
  item_id INTEGER NOT NULL,
  tag TEXT NOT NULL,
  source TEXT NOT NULL,
  PRIMARY KEY (item_id, tag, source),
  FOREIGN KEY (item_id, tag) REFERENCES tags (item_id, tag) ON DELETE CASCADE
) WITHOUT ROWID;

-- What a manifest says of an image besides captions and tags: a JSON object. `meta` of the item
-- joins those of all its manifests.
CREATE TABLE meta_sources (
  item_id INTEGER NOT NULL REFERENCES items (id) ON DELETE CASCADE,
  source TEXT NOT NULL,
  fields TEXT NOT NULL,
  PRIMARY KEY (item_id, source)
) WITHOUT ROWID;

-- What changes with a file's content though its size and time stay.
CREATE TABLE file_marks (
  item_id INTEGER PRIMARY KEY REFERENCES items (id) ON DELETE CASCADE,
  device INTEGER NOT NULL,
  inode INTEGER NOT NULL,
  ctime_ns INTEGER NOT NULL
);

-- Files and folders that were taken out for good.
CREATE TABLE kept_out (
  path TEXT PRIMARY KEY,
  sha256 TEXT,    -- of a file: by its content it is known where it was moved to
  device INTEGER  -- of a file: one whose device is not mounted is not lost
) WITHOUT ROWID;

CREATE TABLE failures (
  path TEXT PRIMARY KEY,
  error TEXT NOT NULL,
  message TEXT NOT NULL,
  at TEXT NOT NULL DEFAULT (datetime('now'))
) WITHOUT ROWID;

-- What a view has to follow, in order: each vector of a model added (1) or removed (-1). The
-- random mark tells a view of this history from one of another, after a backup was restored.
CREATE TABLE changes (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  model_id INTEGER NOT NULL,
  kind TEXT NOT NULL,
  vector_id INTEGER NOT NULL,
  op INTEGER NOT NULL CHECK (op IN (1, -1)),
  mark BLOB NOT NULL DEFAULT (randomblob(8))
);
CREATE TRIGGER vector_added AFTER INSERT ON vectors BEGIN
  INSERT INTO changes (model_id, kind, vector_id, op)
  VALUES (new.model_id, new.kind, new.id, 1);
END;
CREATE TRIGGER vector_removed AFTER DELETE ON vectors BEGIN
  INSERT INTO changes (model_id, kind, vector_id, op)
  VALUES (old.model_id, old.kind, old.id, -1);
END;

-- The vectors of a content live as long as an item has the content.
CREATE TRIGGER item_deleted AFTER DELETE ON items BEGIN
  DELETE FROM content_vectors WHERE kind = old.kind AND sha256 = old.sha256
    AND NOT EXISTS (SELECT 1 FROM items WHERE kind = old.kind AND sha256 = old.sha256);
END;
CREATE TRIGGER item_changed AFTER UPDATE OF sha256 ON items
WHEN old.sha256 <> new.sha256 BEGIN
  DELETE FROM content_vectors WHERE kind = old.kind AND sha256 = old.sha256
    AND NOT EXISTS (SELECT 1 FROM items WHERE kind = old.kind AND sha256 = old.sha256);
END;

-- A vector lives as long as a content points to it.
CREATE TRIGGER content_forgotten AFTER DELETE ON content_vectors BEGIN
  DELETE FROM vectors WHERE id = old.vector_id
    AND NOT EXISTS (SELECT 1 FROM content_vectors WHERE vector_id = old.vector_id);
END;
CREATE TRIGGER content_revectored AFTER UPDATE OF vector_id ON content_vectors
WHEN old.vector_id <> new.vector_id BEGIN
  DELETE FROM vectors WHERE id = old.vector_id
    AND NOT EXISTS (SELECT 1 FROM content_vectors WHERE vector_id = old.vector_id);
END;
"""
"""Layout 2, whole. It does not change any more: later additions go into LATER."""
LATER: tuple[str, ...] = (layout_3.WORDS, layout_4.CHUNKS, layout_5.RECORDS)
"""The additions of each later layout: SQL, which runs on existing and on new catalogs."""


def newest() -> int:
    """The layout that this version of mmembed writes."""
    return BASE_VERSION + len(LATER)


def statements() -> str:
    """SQL that makes the tables of the newest layout in an empty file."""
    return "".join((BASE, *LATER))


def make_catalog(connection: sqlite3.Connection, identity: str) -> None:
    """Write an empty catalog of the newest layout into an empty file, in one transaction. Its
    statements take 10 ms, a copy of their outcome 2. Raises sqlite3.Error."""
    with _COPYING:
        outcome = _outcome(statements(), newest())
        outcome.execute("INSERT OR REPLACE INTO meta VALUES ('collection', ?)", (identity,))
        outcome.backup(connection)


_COPYING = threading.Lock()


@cache
def _outcome(script: str, layout: int) -> sqlite3.Connection:
    """A database in memory, for whichever thread has the lock."""
    outcome = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    outcome.executescript(f"{script} PRAGMA user_version = {layout};")
    return outcome


def statements_of(sql: str) -> list[str]:
    """The statements of a script, in its order."""
    listed: list[str] = []
    statement = ""
    for part in sql.split(";"):
        statement += f"{part};"
        if sqlite3.complete_statement(statement):
            listed.append(statement)
            statement = ""
    return listed


def remedy(folder: Path) -> str:
    """The remedy for a catalog that cannot be used any more."""
    return (
        f"put a backup in its place with `mmembed restore BACKUP --data {folder}`, or index "
        "again into another folder with --data"
    )


def version(connection: sqlite3.Connection) -> int:
    """The layout's number; 0 in a new file. Raises sqlite3.Error."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def lacking(connection: sqlite3.Connection) -> str | None:
    """A table, index or trigger that is missing or another than ours; None where all are there.
    Further ones are no fault. Raises sqlite3.Error."""
    existing = _parts(connection)
    for name, text in _ours().items():
        if name not in existing:
            return f"lacks {name}"
        if existing[name] != text:
            return f"has another {name}"
    return None


@cache
def _ours() -> dict[str, str]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(statements())
        return _parts(connection)


def _parts(connection: sqlite3.Connection) -> dict[str, str]:
    rows = connection.execute(
        "SELECT type || ' ' || name, sql FROM sqlite_master WHERE sql IS NOT NULL "
        "AND name NOT GLOB 'word_index_*'"  # FTS5 makes them, in every version its own way
    ).fetchall()
    return {str(name): _plain(str(sql)) for name, sql in rows}


@lru_cache(256)
def _plain(sql: str) -> str:
    """SQL without comments, spaces and the quotes around a renamed table, which change nothing."""
    return re.sub(r'--[^\n]*|[\s"]+', "", sql)
