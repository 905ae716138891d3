"""Changes records, hashes of pictures and automatic tags."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from mmembed.store.postgres.connections import Session
from mmembed.store.postgres.item_queries import storable_texts
from mmembed.store.postgres.record_queries import StoredRecords
from mmembed.store.postgres.word_rows import write_words
from mmembed.store.record_protocol import (
    AutomaticRow,
    check_records,
    rows_of_items,
    rows_of_label_set,
)
from mmembed.types import AutomaticTag

PORTION = 20_000
"""Rows that go to the server at once."""
KEEP_HASHES_SQL = """
INSERT INTO image_hashes SELECT sha256, hashes
FROM unnest(%s::text[], %s::bytea[]) AS given (sha256, hashes)
WHERE EXISTS (SELECT 1 FROM items WHERE items.sha256 = given.sha256 AND kind = 'image')
ON CONFLICT (sha256) DO UPDATE SET hashes = excluded.hashes
"""
COMING_SQL = """
CREATE TEMP TABLE coming (
  item_id bigint, tag text COLLATE "C", label_set text COLLATE "C", score double precision,
  PRIMARY KEY (item_id, tag, label_set)) ON COMMIT DROP
"""
INTO_COMING = "coming (item_id bigint, tag text, label_set text, score double precision)"
AGAIN_SQL = "ON CONFLICT (item_id, tag, label_set) DO UPDATE SET score = excluded.score"
GONE_SQL = """
DELETE FROM automatic_tags AS known WHERE label_set = %s AND NOT EXISTS (
  SELECT 1 FROM coming WHERE coming.item_id = known.item_id AND coming.tag = known.tag
  AND coming.label_set = known.label_set)
"""
# A tag without any source was said when sources were not noted: it is left alone.
COME_SQL = f"""
INSERT INTO automatic_tags (item_id, tag, label_set, score)
SELECT item_id, tag, label_set, score FROM coming
WHERE EXISTS (SELECT 1 FROM items WHERE id = coming.item_id) AND (
  NOT EXISTS (SELECT 1 FROM tags WHERE tags.item_id = coming.item_id AND tags.tag = coming.tag)
  OR EXISTS (SELECT 1 FROM tag_sources AS said
    WHERE said.item_id = coming.item_id AND said.tag = coming.tag)
  OR EXISTS (SELECT 1 FROM automatic_tags AS known
    WHERE known.item_id = coming.item_id AND known.tag = coming.tag))
{AGAIN_SQL}
"""


class RecordWriter(StoredRecords):
    """Changes of records, hashes and automatic tags; see `store.record_protocol`."""

    def put_records(self, kind: str, records: Mapping[str, bytes]) -> None:
        """See Records.put_records. Raises LimitError, Unstorable."""
        check_records(kind, records)
        with self._changing() as session:
            session.insert(
                "records (kind text, name text, content bytea)",
                [(kind, name, content) for name, content in records.items()],
                "ON CONFLICT (kind, name) DO UPDATE SET content = excluded.content",
            )

    def delete_records(self, kind: str, names: Sequence[str]) -> int:
        """See Records.delete_records."""
        with self._changing() as session:
            sql = "DELETE FROM records WHERE kind = %s AND name = ANY(%s)"
            return session.run(sql, (kind, storable_texts(names)))

    def add_image_hashes(self, hashes: Mapping[str, bytes]) -> None:
        """See ImageHashes.add_image_hashes."""
        with self._changing() as session:
            keep_hashes(session, hashes)

    def replace_automatic_tags(self, label_set: str, tags: Iterable[tuple[int, str, float]]) -> int:
        """See AutomaticTags.replace_automatic_tags. Raises Unstorable."""
        with self._changing() as session:
            _take(session, rows_of_label_set(label_set, tags), whole=label_set)
            sql = "SELECT count(*) FROM automatic_tags WHERE label_set = %s"
            return int(session.rows(sql, (label_set,))[0][0])

    def add_automatic_tags(self, tags: Mapping[int, Sequence[AutomaticTag]]) -> None:
        """See AutomaticTags.add_automatic_tags. Raises Unstorable."""
        with self._changing() as session:
            _take(session, rows_of_items(tags))


def keep_hashes(session: Session, hashes: Mapping[str, bytes]) -> None:
    """Write the hashes of the contents that an image has."""
    if hashes:
        session.run(KEEP_HASHES_SQL, (list(hashes), list(hashes.values())))


def _take(session: Session, tags: Iterable[AutomaticRow], *, whole: str | None = None) -> None:
    """Write automatic tags. whole: the label set whose other tags are taken back."""
    session.run(COMING_SQL)
    rows = iter(tags)
    while some := {row[:3]: row for row in islice(rows, PORTION)}:
        session.insert(INTO_COMING, list(some.values()), AGAIN_SQL)
    if whole is not None:
        session.run(GONE_SQL, (whole,))
    session.run("ANALYZE coming")
    session.run(COME_SQL)
    write_words(session)
