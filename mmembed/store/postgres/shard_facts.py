"""The place of a database among several that hold one collection."""

from __future__ import annotations

import json
from dataclasses import dataclass

from mmembed.errors import StoreError
from mmembed.store.postgres.connections import DatabaseConnections, Session

SHARD = "shard"
"""In meta: the facts of a database that holds a part of a collection."""


@dataclass(frozen=True)
class ShardFacts:
    """The place of a database among those of one collection."""

    collection: str
    """The identity of the first one; hex."""
    number: int
    """From 1 to `count`, in the order of the addresses."""
    count: int
    joining: bool = False
    """Whether the last one was added, and processes that do not know it may still be at work: it
    holds nothing."""

    def is_known_to(self, others: ShardFacts | None, collection: str) -> bool:
        """Whether a process that knows other facts may go on. others: None of a collection in one
        database, whose identity is `collection`."""
        known = others or ShardFacts(collection, 1, 1)
        counts = (known.count, known.count + 1) if self.joining else (known.count,)
        same = (self.collection, self.number) == (known.collection, known.number)
        return same and self.count in counts


def watch_facts(
    connections: DatabaseConnections, collection: str, facts: ShardFacts | None
) -> None:
    """Refuse new connections once the database states other facts, and have the server show these.

    collection: the identity of the whole. facts: None of a collection in one database.
    """

    def check(session: Session) -> None:
        rows = session.rows("SELECT value FROM meta WHERE key = %s", (SHARD,))
        stated = ShardFacts(**json.loads(rows[0][0])) if rows else None
        if stated != facts and not (stated and stated.is_known_to(facts, collection)):
            raise StoreError(
                f"{connections.address.name}: the collection was spread over other databases "
                "meanwhile; start again with the addresses of all"
            )

    connections.check = check
    connections.show_as(name_of(collection, facts))


def name_of(collection: str, facts: ShardFacts | None) -> str:
    """The name under which the server shows the connections of a process with these facts."""
    place = "" if facts is None else f" {facts.number}/{facts.count}"
    return f"mmembed {collection[:8]}{place}"
