"""Checks mmembed's rules for the rows of a store."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from mmembed.store.postgres.rows import EMBEDDING, SERVING, halves
from mmembed.store.postgres.vector_queries import StoredVectors
from mmembed.store.postgres.write_vectors import digest_of
from mmembed.store.row_rules import row_rules

MOST_FOUND = 5
ROWS = 5_000
PROMISES = row_rules(SERVING) | {
    "captions with another path than their image": (
        "SELECT count(*) FROM items AS captions JOIN items ON items.id = captions.image_id "
        "WHERE captions.path IS DISTINCT FROM items.path"
    ),
    "images that show another caption than their first": (
        "SELECT count(*) FROM items WHERE kind = 'image' AND caption IS DISTINCT FROM (SELECT "
        "caption FROM items AS captions WHERE captions.image_id = items.id "
        "ORDER BY position, id LIMIT 1)"
    ),
    "vectors of no content": (
        "SELECT count(*) FROM vectors WHERE NOT EXISTS (SELECT 1 FROM content_vectors "
        "WHERE vector_id = vectors.id)"
    ),
    "wrong totals of the vectors": (
        "SELECT count(*) FROM (SELECT model_id, kind, count(*) FROM vectors GROUP BY 1, 2 EXCEPT "
        "SELECT model_id, kind, vectors FROM vector_totals) AS odd"
    ),
    "images without their words": (
        "SELECT count(*) FROM items WHERE kind = 'image' AND NOT EXISTS (SELECT 1 FROM item_words "
        "WHERE item_id = items.id)"
    ),
    "images whose words are out of date": "SELECT count(*) FROM words_due",
    "words of images that are not in their index": (
        "SELECT count(*) FROM (SELECT unnest(forms), item_id FROM item_words EXCEPT "
        "SELECT form, item_id FROM word_forms) AS odd"
    ),
    "words of no image": (
        "SELECT count(*) FROM (SELECT form, item_id FROM word_forms EXCEPT "
        "SELECT unnest(forms), item_id FROM item_words) AS odd"
    ),
}
"""Queries that count faults; each must give 0."""


class Integrity(StoredVectors):
    """See Store.check."""

    def check(self) -> list[str]:
        """See Store.check. Raises StoreError."""
        return [fault for fault, _ in zip(self._faults(), range(MOST_FOUND), strict=False)]

    def _faults(self) -> Iterator[str]:
        if self.model() is None and self.count():
            yield "no model serves"
        for what, sql in PROMISES.items():
            count = self._number(sql)
            if count:
                yield f"{count} {what}"
        yield from self._broken_vectors()
        yield from self._broken_captions()

    def _broken_vectors(self) -> Iterator[str]:
        sql = (
            f"SELECT vectors.id, dim, digest, {EMBEDDING.format('embedding')} FROM vectors "
            "JOIN models ON models.id = model_id WHERE vectors.id > %s ORDER BY 1 LIMIT %s"
        )
        after = 0
        while rows := self._rows(sql, (after, ROWS)):
            for vector_id, dim, digest, content in rows:
                row = halves([content])[0]
                if len(row) != dim:
                    yield f"vector {vector_id} has another length than its model's"
                if digest_of(row) != bytes(digest):
                    yield f"vector {vector_id} fails its checksum"
            after = int(rows[-1][0])

    def _broken_captions(self) -> Iterator[str]:
        sql = (
            "SELECT id, caption, sha256 FROM items WHERE kind = 'caption' AND id > %s "
            "ORDER BY id LIMIT %s"
        )
        after = 0
        while rows := self._rows(sql, (after, ROWS)):
            for item_id, caption, sha256 in rows:
                if hashlib.sha256((caption or "").encode()).hexdigest() != sha256:
                    yield f"caption {item_id} fails its checksum"
            after = int(rows[-1][0])
