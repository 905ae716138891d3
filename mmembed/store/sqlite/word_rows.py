"""Keeps the words of images up to date: triggers note the images, this writes their words.

A change of items, captions or tags, by whatever statement, notes its image in `words_due`. The
transaction writes their words before it is committed, each image once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence

from mmembed.store.sqlite.rows import SQL_VARIABLES, marks
from mmembed.store.uploads import is_of_any_folder
from mmembed.store.word_tokens import words_of_image

SOME_DUE_SQL = f"SELECT item_id FROM words_due ORDER BY item_id LIMIT {SQL_VARIABLES}"
KEEP_SQL = """
INSERT INTO item_words (item_id, words, length) VALUES (?, ?, ?)
ON CONFLICT (item_id) DO UPDATE SET words = excluded.words, length = excluded.length
WHERE words <> excluded.words
"""
REBUILD_SQL = "INSERT INTO word_index (word_index) VALUES ('rebuild')"
TOTALS_SQL = """
UPDATE word_totals SET (items, words) =
  (SELECT count(*), coalesce(sum(length), 0) FROM item_words)
"""


def write_words(db: sqlite3.Connection, written: Callable[[int], None] = lambda n: None) -> None:
    """Write the words of all images that are due, within a transaction. written: told how many
    images were written, now and then."""
    while due := [int(row[0]) for row in db.execute(SOME_DUE_SQL)]:
        rows = [
            (item_id, " ".join(words), len(words)) for item_id, words in words_of_images(db, due)
        ]
        db.executemany(KEEP_SQL, rows)
        db.execute("DELETE FROM words_due WHERE item_id <= ?", (due[-1],))
        written(len(due))


def fill_words(db: sqlite3.Connection, written: Callable[[int], None]) -> None:
    """Write the words of all images that are due, within a transaction, in a catalog whose words
    have no triggers yet."""
    write_words(db, written)
    db.execute(REBUILD_SQL)
    db.execute(TOTALS_SQL)


def rebuild_words(db: sqlite3.Connection) -> None:
    """Build the index anew from the words of images, which are all due afterwards, within a
    transaction."""
    db.execute(REBUILD_SQL)
    db.execute("INSERT OR IGNORE INTO words_due SELECT id FROM items WHERE kind = 'image'")


def words_of_images(
    db: sqlite3.Connection, image_ids: Sequence[int]
) -> Iterator[tuple[int, list[str]]]:
    """Images that are there, with all words about them, by rising id."""
    ids = marks(image_ids)
    captions, tags = (
        _gathered(db.execute(sql, image_ids).fetchall())
        for sql in (
            f"SELECT image_id, caption FROM items WHERE image_id IN ({ids}) ORDER BY position, id",
            f"SELECT item_id, tag FROM tags WHERE item_id IN ({ids}) ORDER BY tag",
        )
    )
    images = f"SELECT id, path, sha256 FROM items WHERE id IN ({ids}) AND kind = 'image'"
    for item_id, path, sha256 in db.execute(f"{images} ORDER BY id", image_ids).fetchall():
        # The name of an upload is its hash.
        named = path is not None and not is_of_any_folder(str(path), str(sha256))
        yield (
            int(item_id),
            words_of_image(
                captions.get(item_id, ()), tags.get(item_id, ()), str(path) if named else None
            ),
        )


def _gathered(rows: Sequence[tuple[int, object]]) -> dict[int, list[str]]:
    texts: dict[int, list[str]] = {}
    for item_id, text in rows:
        texts.setdefault(item_id, []).append(str(text))
    return texts
