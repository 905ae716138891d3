"""Reading records, hashes of pictures and automatic tags."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mmembed.store.sqlite.connections import Connections
from mmembed.store.sqlite.rows import chunks, marks
from mmembed.types import AutomaticTag


class RecordReader(Connections):
    """See Records, ImageHashes and AutomaticTags."""

    def record(self, kind: str, name: str) -> bytes | None:
        """See Records.record."""
        sql = "SELECT content FROM records WHERE kind = ? AND name = ?"
        rows = self._rows(sql, (kind, name))
        return bytes(rows[0][0]) if rows else None

    def records(self, kind: str) -> dict[str, bytes]:
        """See Records.records."""
        sql = "SELECT name, content FROM records WHERE kind = ? ORDER BY name"
        return {str(name): bytes(content) for name, content in self._rows(sql, (kind,))}

    def record_kinds(self) -> list[str]:
        """See Records.record_kinds."""
        rows = self._rows("SELECT DISTINCT kind FROM records ORDER BY kind")
        return [str(row[0]) for row in rows]

    def image_hashes(self, contents: Sequence[str]) -> dict[str, bytes]:
        """See ImageHashes.image_hashes."""
        known: dict[str, bytes] = {}
        for some in chunks(contents):
            sql = f"SELECT sha256, hashes FROM image_hashes WHERE sha256 IN ({marks(some)})"
            known |= {str(sha256): bytes(hashes) for sha256, hashes in self._rows(sql, some)}
        return known

    def all_image_hashes(self, chunk: int = 10_000) -> Iterator[dict[str, bytes]]:
        """See ImageHashes.all_image_hashes."""
        sql = "SELECT sha256, hashes FROM image_hashes WHERE sha256 > ? ORDER BY sha256 LIMIT ?"
        after = ""
        while rows := self._rows(sql, (after, chunk)):
            yield {str(sha256): bytes(hashes) for sha256, hashes in rows}
            after = str(rows[-1][0])

    def contents_without_hashes(self, limit: int, after: str = "") -> list[str]:
        """See ImageHashes.contents_without_hashes."""
        sql = (
            "SELECT DISTINCT sha256 FROM items WHERE kind = 'image' AND sha256 > ? AND NOT EXISTS "
            "(SELECT 1 FROM image_hashes WHERE image_hashes.sha256 = items.sha256) "
            "ORDER BY sha256 LIMIT ?"
        )
        return [str(row[0]) for row in self._rows(sql, (after, limit))]

    def automatic_tags_of(self, item_ids: Sequence[int]) -> dict[int, list[AutomaticTag]]:
        """See AutomaticTags.automatic_tags_of."""
        tags: dict[int, list[AutomaticTag]] = {}
        for some in chunks(item_ids):
            sql = (
                "SELECT item_id, tag, score, label_set FROM automatic_tags "
                f"WHERE item_id IN ({marks(some)}) ORDER BY item_id, score DESC, tag, label_set"
            )
            for item_id, tag, score, label_set in self._rows(sql, some):
                one = AutomaticTag(str(tag), float(score), str(label_set))
                tags.setdefault(int(item_id), []).append(one)
        return tags

    def automatic_label_sets(self) -> dict[str, int]:
        """See AutomaticTags.automatic_label_sets."""
        sql = "SELECT label_set, count(*) FROM automatic_tags GROUP BY label_set ORDER BY label_set"
        return {str(label_set): int(number) for label_set, number in self._rows(sql)}
