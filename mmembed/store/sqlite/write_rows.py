"""Writes entries as rows."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cached_property

from mmembed.store.entries import CaptionEntry, ImageEntry, Mark, Reading, by_hand, storable
from mmembed.store.sqlite.captions_and_tags import (
    add_tags,
    set_captions,
    set_fields,
    set_tags,
    words_of,
)
from mmembed.store.sqlite.write_vectors import Space, keep_vector, serving_space


class RowWriter:
    """Writes the rows of one transaction; their vectors are of the model that serves."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
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
        if entry.reading is not None:
            if is_new and not entry.reading.words:
                return item_id  # most pictures are new, without captions and tags
            self.describe(item_id, entry.path, entry.reading, entry.captions)
            return item_id
        if entry.captions:
            self.set_by_hand(item_id, entry.path, entry.captions)
        add_tags(self._db, item_id, by_hand(entry.tags))
        return item_id

    def _image_row(self, entry: ImageEntry) -> tuple[int, bool]:
        """The id of the row, which now holds this, and whether it is new."""
        values = (
            entry.sha256, entry.width, entry.height, storable(entry.bytes), entry.format,
            storable(entry.mtime_ns), local_time(entry.mtime_ns),
        )  # fmt: skip
        row = self._db.execute(
            "SELECT id FROM items WHERE kind = 'image' AND path = ?", (entry.path,)
        ).fetchone()
        if row is None:
            return self._insert(
                "INSERT INTO items (kind, path, sha256, width, height, bytes, format, mtime_ns, "
                "date, added) VALUES ('image', ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (entry.path, *values, self._now),
            ), True
        self._db.execute(
            "UPDATE items SET sha256 = ?, width = ?, height = ?, bytes = ?, format = ?, "
            "mtime_ns = ?, date = ? WHERE id = ?",
            (*values, row[0]),
        )
        return int(row[0]), False

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
        words = reading.after(words_of(self._db, image_id))
        entries = {entry.text: entry for entry in captions}
        insert = self._inserter(image_id, path, entries)
        set_captions(self._db, image_id, words.captions, insert)
        set_tags(self._db, image_id, words.tags)
        set_fields(self._db, image_id, words.fields)

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

    def insert_caption(
        self,
        entry: CaptionEntry,
        image_id: int | None = None,
        path: str | None = None,
        position: int = 0,
    ) -> int:
        """Add a caption, of an image or of none; returns its id."""
        keep_vector(self._db, self._space, "caption", entry.sha256, entry.embedding)
        return self._insert(
            "INSERT INTO items (kind, path, sha256, caption, image_id, position, added) "
            "VALUES ('caption', ?, ?, ?, ?, ?, ?)",
            (path, entry.sha256, entry.text, image_id, position, self._now),
        )

    def _insert(self, sql: str, values: Sequence[object]) -> int:
        row_id = self._db.execute(sql, values).lastrowid
        assert row_id is not None
        return row_id


def mark_file(db: sqlite3.Connection, item_id: int, mark: Mark) -> None:
    """Set the mark of an image's file."""
    db.execute("INSERT OR REPLACE INTO file_marks VALUES (?, ?, ?, ?)", (item_id, *mark))


def local_time(mtime_ns: int) -> str:
    """Nanoseconds since 1970 as local time: YYYY-MM-DDTHH:MM:SS."""
    return datetime.fromtimestamp(storable(mtime_ns) // 10**9).isoformat()
