"""Changes records, hashes of pictures and automatic tags."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Mapping, Sequence

from mmembed.errors import StoreError
from mmembed.store.record_protocol import (
    AutomaticRow,
    check_records,
    rows_of_items,
    rows_of_label_set,
)
from mmembed.store.sqlite.rows import TAG_SEPARATOR
from mmembed.store.sqlite.transactions import Transactions
from mmembed.store.sqlite.word_rows import leave_words, write_words_left
from mmembed.store.sqlite.write_rows import keep_hashes
from mmembed.types import AutomaticTag

log = logging.getLogger(__name__)

WORDS_AT_ONCE = 5_000
"""Images whose words are written in one transaction: it takes about half a second."""
COMING_SQL = """
CREATE TEMP TABLE coming (
  item_id INTEGER NOT NULL, tag TEXT NOT NULL, label_set TEXT NOT NULL, score REAL NOT NULL,
  PRIMARY KEY (item_id, tag, label_set)) WITHOUT ROWID
"""
GONE_SQL = """
DELETE FROM automatic_tags WHERE label_set = ? AND NOT EXISTS (
  SELECT 1 FROM temp.coming WHERE coming.item_id = automatic_tags.item_id
  AND coming.tag = automatic_tags.tag AND coming.label_set = automatic_tags.label_set)
"""
# A tag without any source was said when sources were not noted: it is left alone.
COME_SQL = """
INSERT INTO automatic_tags (item_id, tag, label_set, score)
SELECT item_id, tag, label_set, score FROM temp.coming
WHERE EXISTS (SELECT 1 FROM items WHERE id = coming.item_id) AND (
  NOT EXISTS (SELECT 1 FROM tags
    WHERE tags.item_id = coming.item_id AND tags.tag = coming.tag)
  OR EXISTS (SELECT 1 FROM tag_sources AS said
    WHERE said.item_id = coming.item_id AND said.tag = coming.tag)
  OR EXISTS (SELECT 1 FROM automatic_tags AS known
    WHERE known.item_id = coming.item_id AND known.tag = coming.tag))
ON CONFLICT (item_id, tag, label_set) DO UPDATE SET score = excluded.score
"""


class RecordChanges(Transactions):
    """See Records, ImageHashes and AutomaticTags."""

    def put_records(self, kind: str, records: Mapping[str, bytes]) -> None:
        """See Records.put_records. Raises LimitError, Unstorable."""
        check_records(kind, records)
        with self._transaction() as db:
            db.executemany(
                "INSERT OR REPLACE INTO records VALUES (?, ?, ?)",
                [(kind, name, content) for name, content in records.items()],
            )

    def delete_records(self, kind: str, names: Sequence[str]) -> int:
        """See Records.delete_records."""
        with self._transaction(adds=False) as db:
            sql = "DELETE FROM records WHERE kind = ? AND name = ?"
            return sum(db.execute(sql, (kind, name)).rowcount for name in names)

    def add_image_hashes(self, hashes: Mapping[str, bytes]) -> None:
        """See ImageHashes.add_image_hashes."""
        with self._transaction() as db:
            for sha256, of_content in hashes.items():
                keep_hashes(db, sha256, of_content)

    def replace_automatic_tags(self, label_set: str, tags: Iterable[tuple[int, str, float]]) -> int:
        """See AutomaticTags.replace_automatic_tags. Raises Unstorable."""
        with self._transaction() as db:
            _take(db, rows_of_label_set(label_set, tags), whole=label_set)
            if db.execute("SELECT count(*) FROM words_due").fetchone()[0] > WORDS_AT_ONCE:
                leave_words(db)
            sql = "SELECT count(*) FROM automatic_tags WHERE label_set = ?"
            count = int(db.execute(sql, (label_set,)).fetchone()[0])
        self._write_words_left()
        return count

    def _write_words_left(self) -> None:
        """Write the words that were left, some in each transaction: between two of them, others
        may write. The tags are kept whatever happens here: what stays, the next changes write."""
        try:
            left = True
            while left:
                with self._transaction() as db:
                    left = write_words_left(db, WORDS_AT_ONCE)
        except StoreError as error:
            log.warning("some words of tagged pictures are not searchable yet: %s", error)

    def add_automatic_tags(self, tags: Mapping[int, Sequence[AutomaticTag]]) -> None:
        """See AutomaticTags.add_automatic_tags. Raises Unstorable."""
        with self._transaction() as db:
            _take(db, rows_of_items(tags))


def _take(
    db: sqlite3.Connection,
    tags: Iterable[AutomaticRow],
    *,
    whole: str | None = None,
) -> None:
    """Write automatic tags. whole: the label set whose other tags are taken back."""
    db.execute(COMING_SQL)
    clean = ((item_id, tag.replace(TAG_SEPARATOR, " "), *rest) for item_id, tag, *rest in tags)
    db.executemany("INSERT OR REPLACE INTO temp.coming VALUES (?, ?, ?, ?)", clean)
    if whole is not None:
        db.execute(GONE_SQL, (whole,))
    db.execute(COME_SQL)
    db.execute("DROP TABLE temp.coming")
