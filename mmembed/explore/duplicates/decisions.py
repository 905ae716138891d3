"""Decisions of a person: these pictures are no duplicates of each other.

A decision is a record of the collection, by contents rather than items: it holds for later copies,
and after a file was moved or indexed anew. A content that comes twice in a decision stands for
equal files that are wanted.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from mmembed.errors import LimitError, NotFound, QueryError
from mmembed.store.protocol import Store

KIND = "not_duplicates"
MOST = 1000
"""Pictures of one decision."""
NAME_CHARS = 32


@dataclass(frozen=True)
class Decisions:
    """All that was said."""

    by_content: dict[str, frozenset[int]]
    """The numbers of the decisions that each content is in."""
    wanted_twice: frozenset[str]
    """Contents of equal files that are no duplicates."""


def read_decisions(store: Store) -> Decisions:
    """The decisions of a collection. A record that cannot be read says nothing."""
    by_content: dict[str, set[int]] = {}
    twice: set[str] = set()
    for number, record in enumerate(store.records(KIND).values()):
        counts = Counter(_contents_of(record))
        twice |= {sha256 for sha256, count in counts.items() if count > 1}
        if len(counts) > 1:
            for sha256 in counts:
                by_content.setdefault(sha256, set()).add(number)
    frozen = {sha256: frozenset(numbers) for sha256, numbers in by_content.items()}
    return Decisions(frozen, frozenset(twice))


def keep_decision(store: Store, item_ids: Sequence[int]) -> None:
    """Remember that each two of these pictures are no duplicates. Raises QueryError, LimitError,
    NotFound."""
    counts = Counter(_contents_of_items(store, item_ids))
    contents = sorted(sha256 for sha256, count in counts.items() for _ in range(min(count, 2)))
    record = json.dumps(contents).encode()
    name = hashlib.sha256(record).hexdigest()[:NAME_CHARS]
    store.put_records(KIND, {name: record})


def forget_decisions(store: Store, item_ids: Sequence[int]) -> int:
    """Forget every decision that has two or more of these pictures in it; returns how many there
    were. Raises QueryError, LimitError, NotFound."""
    asked = Counter(_contents_of_items(store, item_ids))
    names = [
        name
        for name, record in store.records(KIND).items()
        if (Counter(_contents_of(record)) & asked).total() > 1
    ]
    return store.delete_records(KIND, names)


def _contents_of_items(store: Store, item_ids: Sequence[int]) -> list[str]:
    ids = list(dict.fromkeys(item_ids))
    if len(ids) < 2:
        raise QueryError("duplicates: name two pictures or more, by their ids")
    if len(ids) > MOST:
        raise LimitError(
            f"duplicates: {len(ids)} pictures in one decision, limit {MOST}; name the pictures of "
            "one group"
        )
    known = {item.id: item for item in store.items(ids)}
    for item_id in ids:
        if item_id not in known:
            raise NotFound(f"item {item_id}: no such item")
        if known[item_id].kind != "image":
            raise QueryError(f"item {item_id}: is not an image")
    return [known[item_id].sha256 for item_id in ids]


def _contents_of(record: bytes) -> list[str]:
    try:
        contents = json.loads(record)
    except ValueError:
        return []
    return [str(one) for one in contents] if isinstance(contents, list) else []
