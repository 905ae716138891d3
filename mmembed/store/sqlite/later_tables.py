"""Tables that the layout has gained since its first version; a folder gets them when it is written.

A program of before knows nothing of them and need not: they say more of rows that it knows.
"""

from __future__ import annotations

import sqlite3

NAMES = ("caption_sources", "tag_sources", "file_marks", "kept_out", "kept_out_devices")
STATEMENTS = (
    # Where an image's caption was said: a file, or '' for by hand. One without a row is of a
    # time when that was not noted.
    """
CREATE TABLE IF NOT EXISTS caption_sources (
  caption_id INTEGER NOT NULL REFERENCES items (id) ON DELETE CASCADE,
  source TEXT NOT NULL,
  PRIMARY KEY (caption_id, source)
) WITHOUT ROWID
""",
    """
CREATE TABLE IF NOT EXISTS tag_sources (
  item_id INTEGER NOT NULL,
  tag TEXT NOT NULL,
  source TEXT NOT NULL,
  PRIMARY KEY (item_id, tag, source),
  FOREIGN KEY (item_id, tag) REFERENCES tags (item_id, tag) ON DELETE CASCADE
) WITHOUT ROWID
""",
    # What changes with a file's content though its size and time stay.
    """
CREATE TABLE IF NOT EXISTS file_marks (
  item_id INTEGER PRIMARY KEY REFERENCES items (id) ON DELETE CASCADE,
  device INTEGER NOT NULL,
  inode INTEGER NOT NULL,
  ctime_ns INTEGER NOT NULL
)
""",
    # Files and folders that were taken out for good; of a file also its content, by which it
    # is known where it was moved to.
    """
CREATE TABLE IF NOT EXISTS kept_out (
  path TEXT PRIMARY KEY,
  sha256 TEXT
) WITHOUT ROWID
""",
    # On which device such a file was: one that is not mounted has not lost it.
    """
CREATE TABLE IF NOT EXISTS kept_out_devices (
  path TEXT PRIMARY KEY REFERENCES kept_out (path) ON DELETE CASCADE,
  device INTEGER NOT NULL
) WITHOUT ROWID
""",
)
PRESENT_SQL = (
    "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN "
    f"({','.join('?' * len(NAMES))})"
)
"""How many of NAMES there are."""


def add(db: sqlite3.Connection) -> None:
    """Make those that are missing; within a transaction."""
    for statement in STATEMENTS:
        db.execute(statement)
