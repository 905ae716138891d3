"""Writes entries as rows."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path

from mmembed.store.entries import CaptionEntry, ImageEntry, Mark, Reading, Words, by_hand, storable
from mmembed.store.item_columns import HEADER, OF_FILE
from mmembed.store.sqlite.captions_and_tags import (
    add_tags,
    set_captions,
    set_fields,
    set_tags,
    words_of,
)
from mmembed.store.sqlite.rows import local_time
from mmembed.store.sqlite.write_vectors import Space, keep_caption, keep_vector, serving_space
from mmembed.store.uploads import is_of_any_folder, place_in
from mmembed.types import HeaderFacts

INSERT_IMAGE_SQL = (
    f"INSERT INTO items (kind, path, added, {', '.join(OF_FILE)}) "
    f"VALUES ('image', :path, :added, {', '.join(f':{name}' for name in OF_FILE)})"
)
UPDATE_IMAGE_SQL = (
    f"UPDATE items SET {', '.join(f'{name} = :{name}' for name in OF_FILE)} WHERE id = :id"
)
NOTE_HEADER_SQL = (
    f"UPDATE items SET {', '.join(f'{name} = :{name}' for name in HEADER)}, "
    "header_read = :header_read, date = coalesce(:date, strftime('%Y-%m-%dT%H:%M:%S', "
    "mtime_ns / 1000000000, 'unixepoch', 'localtime')) WHERE id = :id AND kind = 'image'"
)
KEEP_HASHES_SQL = """
INSERT OR REPLACE INTO image_hashes
SELECT :sha256, :hashes WHERE EXISTS (
  SELECT 1 FROM items WHERE kind = 'image' AND sha256 = :sha256)
"""


class RowWriter:
    """Writes the rows of one transaction; their vectors are of the model that serves."""

    def __init__(self, db: sqlite3.Connection, folder: Path) -> None:
        """folder: the data folder, in which uploads lie."""
        self._db = db
        self._folder = folder
        self._now = int(time.time())

    @cached_property
    def _space(self) -> Space:
        return serving_space(self._db)

    def write_image(self, entry: ImageEntry) -> int:
        """Add an image, or replace the item at its path; returns its id."""
        keep_vector(self._db, self._space, "image", entry.sha256, entry.embedding)
        item_id, is_new = self._image_row(entry)
        if entry.mark is not None:
            mark_file(self._db, item_id, entry.mark)
        if entry.hashes is not None:
            keep_hashes(self._db, entry.sha256, entry.hashes)
        if entry.reading is not None:
            if is_new and not entry.reading.words:
                return item_id  # most pictures are new, without captions and tags
            self.describe(item_id, entry.path, entry.reading, entry.captions)
            return item_id
        if entry.captions:
            self._add_by_hand(item_id, entry.path, entry.captions)
        add_tags(self._db, item_id, by_hand(entry.tags))
        return item_id

    def _image_row(self, entry: ImageEntry) -> tuple[int, bool]:
        """The id of the row, which now holds this, and whether it is new."""
        facts = entry.header or HeaderFacts()
        values: dict[str, object] = {
            "path": entry.path,
            "sha256": entry.sha256,
            "width": entry.width,
            "height": entry.height,
            "bytes": storable(entry.bytes),
            "format": entry.format,
            "mtime_ns": storable(entry.mtime_ns),
            **asdict(facts),
            "date": day_taken(facts) or local_time(entry.mtime_ns),
            "header_read": entry.header_read,
            "added": self._now if entry.added is None else entry.added,
        }
        row = self._db.execute(
            "SELECT id FROM items WHERE kind = 'image' AND path = ?", (entry.path,)
        ).fetchone()
        item_id = int(row[0]) if row else self._moved_upload(entry)
        if item_id is None:
            return self._insert(INSERT_IMAGE_SQL, values), True
        self._db.execute(UPDATE_IMAGE_SQL, {**values, "id": item_id})
        return item_id, False

    def _moved_upload(self, entry: ImageEntry) -> int | None:
        """The id of the same upload from when the data folder had another path; its row gets the
        new path."""
        if entry.path != str(place_in(self._folder, entry.path, entry.sha256)):
            return None
        rows = self._db.execute(
            "SELECT id, path FROM items WHERE kind = 'image' AND sha256 = ? AND path IS NOT NULL "
            "ORDER BY id",
            (entry.sha256,),
        )
        for item_id, path in rows.fetchall():
            if is_of_any_folder(str(path), entry.sha256):
                set_path(self._db, item_id, entry.path)
                return int(item_id)
        return None

    def describe(
        self,
        image_id: int,
        path: str | None,
        reading: Reading,
        captions: Sequence[CaptionEntry],
    ) -> None:
        """Update an image's captions and tags from its files; texts that were set by hand stay.

        A caption of a file without an entry is left out.
        """
        words = reading.after(self._words_of(image_id))
        entries = {entry.text: entry for entry in captions}
        insert = self._inserter(image_id, path, entries)
        set_captions(self._db, image_id, words.captions, insert)
        set_tags(self._db, image_id, words.tags)
        set_fields(self._db, image_id, words.fields)

    def _words_of(self, image_id: int) -> Words:
        return words_of(self._db.execute, [image_id])[image_id]

    def _add_by_hand(self, image_id: int, path: str, captions: Sequence[CaptionEntry]) -> None:
        """Add captions to those that the image has."""
        said = dict(self._words_of(image_id).captions)
        entries = {entry.text: entry for entry in captions}
        for text, sources in by_hand(list(entries)).items():
            said[text] = {*said.get(text, ()), *sources}
        set_captions(self._db, image_id, said, self._inserter(image_id, path, entries))

    def set_by_hand(
        self, image_id: int, path: str | None, captions: Sequence[CaptionEntry]
    ) -> None:
        """Make these the image's captions, in this order; captions that stay keep their ids."""
        entries = {entry.text: entry for entry in captions}
        insert = self._inserter(image_id, path, entries)
        set_captions(self._db, image_id, by_hand(list(entries)), insert)

    def _inserter(
        self, image_id: int, path: str | None, entries: Mapping[str, CaptionEntry]
    ) -> Callable[[str, int], int | None]:
        def insert(text: str, position: int) -> int | None:
            entry = entries.get(text)
            return None if entry is None else self.insert_caption(entry, image_id, path, position)

        return insert

    def write_caption(self, entry: CaptionEntry, tags: Sequence[str]) -> int:
        """Add a caption of no image, or tags to the one with this text; returns its id."""
        row = self._db.execute(
            "SELECT id FROM items WHERE kind = 'caption' AND sha256 = ? AND image_id IS NULL",
            (entry.sha256,),
        ).fetchone()
        item_id = int(row[0]) if row else self.insert_caption(entry)
        add_tags(self._db, item_id, by_hand(tags))
        return item_id

    def insert_caption(
        self,
        entry: CaptionEntry,
        image_id: int | None = None,
        path: str | None = None,
        position: int = 0,
    ) -> int:
        """Add a caption, of an image or of none; returns its id."""
        keep_caption(self._db, self._space, entry)
        added = self._now if entry.added is None else entry.added
        return self._insert(
            "INSERT INTO items (kind, path, sha256, caption, image_id, position, added) "
            "VALUES ('caption', ?, ?, ?, ?, ?, ?)",
            (path, entry.sha256, entry.text, image_id, position, added),
        )

    def _insert(self, sql: str, values: Sequence[object] | Mapping[str, object]) -> int:
        row_id = self._db.execute(sql, values).lastrowid
        assert row_id is not None
        return row_id


def set_path(db: sqlite3.Connection, image_id: int, path: str) -> None:
    """Set the path of an image and of its captions."""
    db.execute("UPDATE items SET path = ? WHERE id = ?", (path, image_id))
    db.execute("UPDATE items SET path = ? WHERE image_id = ?", (path, image_id))


def mark_file(db: sqlite3.Connection, item_id: int, mark: Mark) -> None:
    """Set the mark of an image's file."""
    db.execute("INSERT OR REPLACE INTO file_marks VALUES (?, ?, ?, ?)", (item_id, *mark))


def keep_hashes(db: sqlite3.Connection, sha256: str, hashes: bytes) -> None:
    """Write the hashes of a content, if an image has it."""
    db.execute(KEEP_HASHES_SQL, {"sha256": sha256, "hashes": hashes})


def note_header(db: sqlite3.Connection, item_id: int, facts: HeaderFacts, version: int) -> None:
    """Write the facts in the header of an image's file; nothing for an image that is gone."""
    values = {"id": item_id, "header_read": version, "date": day_taken(facts), **asdict(facts)}
    db.execute(NOTE_HEADER_SQL, values)


def day_taken(facts: HeaderFacts) -> str | None:
    """The moment without parts of seconds, in the form of the column `date`."""
    return facts.taken and facts.taken[: len("2024-05-01T10:00:00")]
