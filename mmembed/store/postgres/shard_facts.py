"""What a database is among several that hold one collection."""

from __future__ import annotations

from dataclasses import dataclass

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
