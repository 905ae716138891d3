"""Reading records, hashes of pictures and automatic tags."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mmembed.store.postgres.item_queries import storable_texts
from mmembed.store.postgres.statements import Statements
from mmembed.types import AutomaticTag

WITHOUT_SQL = """
SELECT DISTINCT sha256 FROM items WHERE kind = 'image' AND sha256 > %s AND NOT EXISTS (
  SELECT 1 FROM image_hashes WHERE image_hashes.sha256 = items.sha256) ORDER BY sha256 LIMIT %s
"""
OF_ITEMS_SQL = """
SELECT item_id, tag, score, label_set FROM automatic_tags WHERE item_id = ANY(%s)
ORDER BY item_id, score DESC, tag, label_set
"""


class StoredRecords(Statements):
    """Queries of records, hashes and automatic tags; see `store.record_protocol`."""

    def record(self, kind: str, name: str) -> bytes | None:
        """See Records.record."""
        sql = "SELECT content FROM records WHERE kind = %s AND name = %s"
        rows = self._rows(sql, (kind, name))
        return bytes(rows[0][0]) if rows else None

    def records(self, kind: str) -> dict[str, bytes]:
        """See Records.records."""
        sql = "SELECT name, content FROM records WHERE kind = %s ORDER BY name"
        return {str(name): bytes(content) for name, content in self._rows(sql, (kind,))}

    def record_kinds(self) -> list[str]:
        """See Records.record_kinds."""
        rows = self._rows("SELECT DISTINCT kind FROM records ORDER BY kind")
        return [str(row[0]) for row in rows]

    def image_hashes(self, contents: Sequence[str]) -> dict[str, bytes]:
        """See ImageHashes.image_hashes."""
        sql = "SELECT sha256, hashes FROM image_hashes WHERE sha256 = ANY(%s)"
        rows = self._rows(sql, (storable_texts(contents),))
        return {str(sha256): bytes(hashes) for sha256, hashes in rows}

    def all_image_hashes(self, chunk: int = 10_000) -> Iterator[dict[str, bytes]]:
        """See ImageHashes.all_image_hashes."""
        sql = "SELECT sha256, hashes FROM image_hashes WHERE sha256 > %s ORDER BY sha256 LIMIT %s"
        after = ""
        while rows := self._rows(sql, (after, chunk)):
            yield {str(sha256): bytes(hashes) for sha256, hashes in rows}
            after = str(rows[-1][0])

    def contents_without_hashes(self, limit: int, after: str = "") -> list[str]:
        """See ImageHashes.contents_without_hashes."""
        return [str(row[0]) for row in self._rows(WITHOUT_SQL, (after, limit))]

    def automatic_tags_of(self, item_ids: Sequence[int]) -> dict[int, list[AutomaticTag]]:
        """See AutomaticTags.automatic_tags_of."""
        tags: dict[int, list[AutomaticTag]] = {}
        for item_id, *facts in self._rows(OF_ITEMS_SQL, (list(item_ids),)):
            tags.setdefault(int(item_id), []).append(AutomaticTag(*facts))
        return tags

    def automatic_label_sets(self) -> dict[str, int]:
        """See AutomaticTags.automatic_label_sets."""
        sql = "SELECT label_set, count(*) FROM automatic_tags GROUP BY label_set ORDER BY label_set"
        return {str(label_set): int(number) for label_set, number in self._rows(sql)}
