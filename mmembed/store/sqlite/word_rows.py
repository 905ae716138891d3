"""Keeps the words of images up to date: triggers note the images, this writes their words.

A change of items, captions or tags, by whatever statement, notes its image in `words_due`. The
transaction writes their words before it is committed, each image once.

A change of very many images may leave their words to later transactions, so that other writers need
not wait for minutes. The ids of these images are negative in `words_due`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby, islice
from operator import itemgetter
from typing import TypeAlias

from mmembed.store.sqlite.rows import SQL_VARIABLES, marks
from mmembed.store.uploads import is_of_any_folder
from mmembed.store.words.tokens import words_of_image

Row: TypeAlias = tuple[int, str, int]
"""Of item_words: the id, the words, how many they are."""

ROWS_TOLD = 20_000
"""Written between two reports of progress."""
SOME_DUE_SQL = (
    f"SELECT item_id FROM words_due WHERE item_id > 0 ORDER BY item_id LIMIT {SQL_VARIABLES}"
)
SOME_LEFT_SQL = "SELECT -item_id FROM words_due WHERE item_id < 0 ORDER BY item_id DESC LIMIT ?"
LEAVE_SQL = "INSERT OR IGNORE INTO words_due SELECT -item_id FROM words_due WHERE item_id > 0"
KEEP_SQL = """
INSERT INTO item_words (item_id, words, length) VALUES (?, ?, ?)
ON CONFLICT (item_id) DO UPDATE SET words = excluded.words, length = excluded.length
WHERE words <> excluded.words
"""
FILL_SQL = "INSERT INTO item_words (item_id, words, length) VALUES (?, ?, ?)"
REBUILD_SQL = "INSERT INTO word_index (word_index) VALUES ('rebuild')"
TOTALS_SQL = """
UPDATE word_totals SET (items, words) =
  (SELECT count(*), coalesce(sum(length), 0) FROM item_words)
"""


def write_words(db: sqlite3.Connection) -> None:
    """Write the words of all images that are due, within a transaction."""
    while due := [int(row[0]) for row in db.execute(SOME_DUE_SQL)]:
        db.executemany(KEEP_SQL, list(map(_row, words_of_images(db, due))))
        db.execute("DELETE FROM words_due WHERE item_id BETWEEN 1 AND ?", (due[-1],))


def leave_words(db: sqlite3.Connection) -> None:
    """Leave the words of all images that are due to later transactions."""
    db.execute(LEAVE_SQL)
    db.execute("DELETE FROM words_due WHERE item_id > 0")


def write_words_left(db: sqlite3.Connection, most: int = SQL_VARIABLES) -> bool:
    """Write the words of up to `most` images that an earlier transaction left, within another one;
    returns whether there were as many."""
    written = 0
    while written < most:
        few = min(SQL_VARIABLES, most - written)
        left = [int(row[0]) for row in db.execute(SOME_LEFT_SQL, (few,))]
        if not left:
            return False
        db.executemany(KEEP_SQL, list(map(_row, words_of_images(db, left))))
        db.execute("DELETE FROM words_due WHERE item_id BETWEEN ? AND -1", (-left[-1],))
        written += len(left)
    return True


def fill_words(db: sqlite3.Connection, written: Callable[[int], None]) -> None:
    """Write the words of all images, within a transaction, into tables that are empty and have no
    triggers yet. written: told how many images were written, now and then."""
    db.executemany(FILL_SQL, _told(map(_row, words_of_images(db)), written))
    db.execute(REBUILD_SQL)
    db.execute(TOTALS_SQL)


def _told(rows: Iterable[Row], written: Callable[[int], None]) -> Iterator[Row]:
    """The rows, telling how many have passed."""
    rest = iter(rows)
    while some := list(islice(rest, ROWS_TOLD)):
        yield from some
        written(len(some))


def _row(words_of_item: tuple[int, list[str]]) -> Row:
    item_id, words = words_of_item
    return item_id, " ".join(words), len(words)


def rebuild_words(db: sqlite3.Connection) -> None:
    """Build the index anew from the words of images, which are all due afterwards, within a
    transaction."""
    db.execute(REBUILD_SQL)
    db.execute("INSERT OR IGNORE INTO words_due SELECT id FROM items WHERE kind = 'image'")


def words_of_images(
    db: sqlite3.Connection, image_ids: Sequence[int] | None = None
) -> Iterator[tuple[int, list[str]]]:
    """Images that are there, with all words about them, by rising id: some images, or all of them.

    The rows are read as they are asked for: nothing may change items or tags meanwhile.
    """
    ids = () if image_ids is None else image_ids
    of_image, of_tag, of_item = (
        f"{key} IS NOT NULL" if image_ids is None else f"{key} IN ({marks(ids)})"
        for key in ("image_id", "item_id", "id")
    )
    captions, tags = (
        _texts_by_id(db.execute(sql, ids))
        for sql in (
            f"SELECT image_id, caption FROM items WHERE {of_image} ORDER BY image_id, position, id",
            f"SELECT item_id, tag FROM tags WHERE {of_tag} ORDER BY item_id, tag",
        )
    )
    # In the order of the rows: by the index of paths, they would have to be sorted.
    images = f"SELECT id, path, sha256 FROM items NOT INDEXED WHERE {of_item} AND kind = 'image'"
    for item_id, path, sha256 in db.execute(f"{images} ORDER BY id", ids):
        # The name of an upload is its hash.
        named = path is not None and not is_of_any_folder(str(path), str(sha256))
        yield (
            int(item_id),
            words_of_image(captions(item_id), tags(item_id), str(path) if named else None),
        )


def _texts_by_id(rows: Iterable[tuple[int, object]]) -> Callable[[int], list[str]]:
    """The texts of an id, from rows by rising id; to be asked for in that order."""
    groups = groupby(rows, itemgetter(0))
    following = next(groups, None)

    def texts(item_id: int) -> list[str]:
        nonlocal following
        while following is not None and following[0] < item_id:
            following = next(groups, None)
        if following is None or following[0] != item_id:
            return []
        return [str(text) for _, text in following[1]]

    return texts
