"""Captions, tags and further fields of images, with their sources: they follow the files."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from mmembed.store.entries import Said, Words
from mmembed.store.sqlite.rows import TAG_SEPARATOR, chunks, marks
from mmembed.store.words_of_rows import words_of_rows

Rows: TypeAlias = Callable[[str, Sequence[int]], Iterable[tuple[Any, ...]]]
"""Runs a statement with its values, on a connection that reads or that writes."""

CAPTIONS_SQL = """
SELECT items.image_id, items.caption, source
FROM items LEFT JOIN caption_sources ON caption_id = items.id
WHERE items.image_id IN ({ids}) ORDER BY items.position, items.id
"""
TAGS_SQL = """
SELECT tags.item_id, tags.tag, source
FROM tags LEFT JOIN tag_sources USING (item_id, tag)
WHERE tags.item_id IN ({ids}) AND (source IS NOT NULL OR NOT EXISTS (
  SELECT 1 FROM automatic_tags AS automatic
  WHERE automatic.item_id = tags.item_id AND automatic.tag = tags.tag)) ORDER BY tags.tag
"""
AUTOMATIC_SQL = (
    "INSERT OR IGNORE INTO tags SELECT item_id, tag FROM automatic_tags WHERE item_id = ?"
)
FIELDS_SQL = "SELECT item_id, source, fields FROM meta_sources WHERE item_id IN ({ids})"


def words_of(rows: Rows, image_ids: Sequence[int]) -> dict[int, Words]:
    """Captions, tags and further fields of images, by id, with their sources."""
    captions, tags, fields = (
        [row for chunk in chunks(image_ids) for row in rows(sql.format(ids=marks(chunk)), chunk)]
        for sql in (CAPTIONS_SQL, TAGS_SQL, FIELDS_SQL)
    )
    return words_of_rows(image_ids, captions, tags, fields)


def set_captions(
    db: sqlite3.Connection, image_id: int, said: Said, insert: Callable[[str, int], int | None]
) -> None:
    """Make these an image's captions, in this order; captions that stay keep their ids.

    insert: writes the row of a new caption at a position and returns its id; None leaves it out.
    """
    rows = db.execute("SELECT caption, id FROM items WHERE image_id = ?", (image_id,)).fetchall()
    old = {str(text): int(item_id) for text, item_id in rows}
    for position, (text, sources) in enumerate(said.items()):
        if text in old:
            item_id = old[text]
            db.execute("UPDATE items SET position = ? WHERE id = ?", (position, item_id))
            db.execute("DELETE FROM caption_sources WHERE caption_id = ?", (item_id,))
        elif (new := insert(text, position)) is not None:
            item_id = new
        else:
            continue
        db.executemany(
            "INSERT INTO caption_sources VALUES (?, ?)", [(item_id, name) for name in sources]
        )
    for text, item_id in old.items():
        if text not in said:
            db.execute("DELETE FROM items WHERE id = ?", (item_id,))
    choose_first_caption(db, image_id)


def choose_first_caption(db: sqlite3.Connection, image_id: int) -> None:
    """An image's own row shows the first of its captions."""
    db.execute(
        "UPDATE items SET caption = (SELECT caption FROM items AS captions "
        "WHERE captions.image_id = items.id ORDER BY position, id LIMIT 1) WHERE id = ?",
        (image_id,),
    )


def set_fields(db: sqlite3.Connection, item_id: int, said: Mapping[str, str]) -> None:
    """Make these an item's further fields: JSON objects by source. Where two say the same field,
    the first source counts."""
    db.execute("DELETE FROM meta_sources WHERE item_id = ?", (item_id,))
    rows = [(item_id, source, fields) for source, fields in said.items()]
    db.executemany("INSERT INTO meta_sources VALUES (?, ?, ?)", rows)
    joined: dict[str, object] = {}
    for _, fields in sorted(said.items()):
        joined = {**json.loads(fields), **joined}
    meta = json.dumps(joined, ensure_ascii=False, sort_keys=True) if joined else None
    db.execute("UPDATE items SET meta = ? WHERE id = ? AND meta IS NOT ?", (meta, item_id, meta))


def set_tags(db: sqlite3.Connection, item_id: int, said: Said) -> None:
    """Make these an item's tags, beside the automatic ones."""
    db.execute("DELETE FROM tags WHERE item_id = ?", (item_id,))
    add_tags(db, item_id, said)
    db.execute(AUTOMATIC_SQL, (item_id,))


def keep_tags_among(db: sqlite3.Connection, item_id: int, tags: Sequence[str]) -> None:
    """Take away an item's automatic tags that are not among these."""
    rows = db.execute("SELECT DISTINCT tag FROM automatic_tags WHERE item_id = ?", (item_id,))
    kept = {tag.replace(TAG_SEPARATOR, " ") for tag in tags}
    gone = [(item_id, tag) for (tag,) in rows.fetchall() if tag not in kept]
    db.executemany("DELETE FROM automatic_tags WHERE item_id = ? AND tag = ?", gone)


def add_tags(db: sqlite3.Connection, item_id: int, said: Said) -> None:
    """Add tags to an item, each once."""
    for text, sources in said.items():
        tag = text.replace(TAG_SEPARATOR, " ")
        if not sources:  # as a tag without any source it stays when a label set takes it back
            db.execute("DELETE FROM automatic_tags WHERE item_id = ? AND tag = ?", (item_id, tag))
        db.execute("INSERT OR IGNORE INTO tags VALUES (?, ?)", (item_id, tag))
        db.executemany(
            "INSERT OR IGNORE INTO tag_sources VALUES (?, ?, ?)",
            [(item_id, tag, source) for source in sources],
        )
