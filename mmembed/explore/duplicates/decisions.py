"""Decisions of a person: these pictures are no duplicates of each other.

A decision is a record of the collection, by contents rather than items: it holds for later copies,
and after a file was moved or indexed anew. A content that comes twice in a decision stands for
equal files that are wanted.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from mmembed.errors import LimitError, NotFound, QueryError
from mmembed.store.protocol import Store

KIND = "not_duplicates"
MOST = 1000
"""Pictures of one decision."""
NAME_CHARS = 32
Lists: TypeAlias = Sequence[Sequence[int]]
"""Ids of items, list by list."""


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


def decide(store: Store, *, not_duplicates: Lists = (), forget: Lists = ()) -> int:
    """First forget every decision that has two or more pictures of a list of `forget` in it. Then
    remember of each list of `not_duplicates` that each two of its pictures are no duplicates. If a
    list makes no sense, nothing is done. Returns how many decisions were forgotten.

    Raises QueryError, LimitError, NotFound.
    """
    forgotten, said = _counts_of_lists(store, forget), _counts_of_lists(store, not_duplicates)
    count = _forget(store, forgotten)
    if said:
        store.put_records(KIND, dict(map(_record_of, said)))
    return count


def _record_of(counts: Counter[str]) -> tuple[str, bytes]:
    contents = sorted(sha256 for sha256, count in counts.items() for _ in range(min(count, 2)))
    record = json.dumps(contents).encode()
    return hashlib.sha256(record).hexdigest()[:NAME_CHARS], record


def _forget(store: Store, lists: Sequence[Counter[str]]) -> int:
    if not lists:
        return 0
    by_content: dict[str, list[Counter[str]]] = {}
    for counts in lists:
        for sha256 in counts:
            by_content.setdefault(sha256, []).append(counts)
    names = [
        name
        for name, record in store.records(KIND).items()
        if _is_about(Counter(_contents_of(record)), by_content)
    ]
    return store.delete_records(KIND, names)


def _is_about(decision: Counter[str], by_content: Mapping[str, Sequence[Counter[str]]]) -> bool:
    """Whether a decision has two pictures of a list in it. by_content: the lists of each."""
    return any(
        (decision & counts).total() > 1
        for sha256 in decision
        for counts in by_content.get(sha256, ())
    )


def _counts_of_lists(store: Store, lists: Lists) -> list[Counter[str]]:
    """How often each content is in each list, which has items of it."""
    distinct = [list(dict.fromkeys(item_ids)) for item_ids in lists]
    for ids in distinct:
        if len(ids) < 2:
            raise QueryError("duplicates: name two pictures or more, by their ids")
        if len(ids) > MOST:
            raise LimitError(
                f"duplicates: {len(ids)} pictures in one decision, limit {MOST}; name the pictures "
                "of one group"
            )
    known = {item.id: item for ids in distinct for item in store.items(ids)}
    for item_id in (item_id for ids in distinct for item_id in ids):
        if item_id not in known:
            raise NotFound(f"item {item_id}: no such item")
        if known[item_id].kind != "image":
            raise QueryError(f"item {item_id}: is not an image")
    return [Counter(known[item_id].sha256 for item_id in ids) for ids in distinct]


def _contents_of(record: bytes) -> list[str]:
    try:
        contents = json.loads(record)
    except ValueError:
        return []
    return [str(one) for one in contents] if isinstance(contents, list) else []
