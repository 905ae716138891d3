"""Ids for new rows, unique over all shards. They come from a counter in the first database. A row
that moves to another shard keeps its id."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mmembed.store.entries import ImageEntry
from mmembed.store.postgres.connections import DatabaseConnections

COUNTER = "next_number"
"""In meta of the first database: the next id."""
TAKE_SQL = """
UPDATE meta SET value = (value::bigint + %s)::text WHERE key = %s RETURNING value::bigint
"""
SMALLEST_SQL = """
SELECT 1 + greatest((SELECT last_value FROM items_id_seq), (SELECT last_value FROM vectors_id_seq))
"""


def take(connections: DatabaseConnections, count: int) -> int:
    """The first of so many successive ids, which nobody else gets. Raises StoreError."""
    with connections.translating("gave no ids"), connections.session() as session:
        [(following,)] = session.rows(TAKE_SQL, (count, COUNTER))
    return int(following) - count


class Numbers:
    """The ids of one change, in the order of its entries. Any thread may ask."""

    def __init__(self, take: Callable[[int], int], entries: Sequence[ImageEntry] = ()) -> None:
        """take: gives the first of so many successive ids."""
        self._take = take
        self._known: dict[str, dict[str, int]] = {"items": {}, "vectors": {}}
        first = take(len(entries)) if entries else 0
        for number, entry in enumerate(entries, first):
            self._known["items"].setdefault(entry.path, number)
            self._known["vectors"].setdefault(entry.sha256, number)

    def __call__(self, table: str, keys: Sequence[str]) -> list[int]:
        """The ids of new rows, by the paths of images and the hashes of contents; others get
        further ids."""
        known = [self._known[table].pop(key, None) for key in keys]
        missing = known.count(None)
        following = self._take(missing) if missing else 0
        ids = []
        for number in known:
            if number is None:
                number, following = following, following + 1
            ids.append(number)
        return ids
