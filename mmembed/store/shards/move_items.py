"""Moves items to the last shard while all are searched: copied, then switched, then removed."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from mmembed.store.shards.copy_items import copy_items
from mmembed.store.shards.doors import ShardDoor
from mmembed.store.shards.numbers import Numbers
from mmembed.store.shards.rendezvous import home_of
from mmembed.store.shards.shard import Shard
from mmembed.types import Progress

AT_ONCE = 500
"""Images that are copied in one change: others wait for it."""
READ = 5_000
"""Items that are looked at in one statement."""
GRACE_S = 5.0
"""Seconds between the copy of items and their removal: searches that began before the copy are over
by then."""
OWNERS_SQL = """
SELECT id, sha256 FROM items WHERE id > %s AND image_id IS NULL ORDER BY id LIMIT %s
"""
DEPART_SQL = """
INSERT INTO departures (item_id) SELECT id FROM items WHERE id = ANY(%s) ON CONFLICT DO NOTHING
"""
COPIED_SQL = "UPDATE departures SET copied = TRUE WHERE item_id = ANY(%s)"
LEAVING_SQL = "SELECT item_id FROM departures WHERE item_id = ANY(%s)"


class Moving:
    """Moves what belongs to the last shard from the others. It may be ended at any time, and
    begun again."""

    def __init__(
        self, doors: Sequence[ShardDoor], take: Callable[[int], int], *, grace_s: float = GRACE_S
    ) -> None:
        """take: gives the first of so many successive ids."""
        self._others, self._new = doors[:-1], doors[-1]
        self._shards = len(doors)
        self._take = take
        self._grace_s = grace_s

    def run(self, progress: Progress) -> int:
        """Move all; returns how many items. progress: called with the items looked at, and all."""
        total = sum(door.ask(_owners) for door in self._others)
        seen = moved = 0
        progress(0, total, 0)
        for door in self._others:
            copied: deque[tuple[float, list[int]]] = deque()
            for looked_at, ids in self._portions(door.shard()):
                copied.append((time.monotonic(), self._copied(door.shard(), ids)))
                moved += self._remove(door.shard(), copied)
                seen += looked_at
                progress(min(seen, total), total, 0)
            moved += self._remove(door.shard(), copied, all_of_them=True)
        progress(total, total, 0)
        return moved

    def _portions(self, shard: Shard) -> Iterator[tuple[int, list[int]]]:
        """The items that leave a shard, by rising id, each time with how many were looked at."""
        after, last = 0, self._shards - 1
        while rows := shard.read(OWNERS_SQL, (after, READ)):
            after = int(rows[-1][0])
            homes = [home_of(sha256, self._shards) for _, sha256 in rows]
            leaving = [int(row[0]) for row, home in zip(rows, homes, strict=True) if home == last]
            starts = range(0, max(len(leaving), 1), AT_ONCE)
            for start in starts:
                yield len(rows) // len(starts), leaving[start : start + AT_ONCE]

    def _remove(
        self, old: Shard, copied: deque[tuple[float, list[int]]], *, all_of_them: bool = False
    ) -> int:
        """Remove items whose copies have been there for long enough; returns how many."""
        removed = 0
        while copied:
            wait_s = copied[0][0] + self._grace_s - time.monotonic()
            if wait_s > 0 and not all_of_them:
                break
            time.sleep(max(0.0, wait_s))
            there = self._new.shard().ids_among(copied.popleft()[1])
            removed += old.remove(sorted(there)) if there else 0
        return removed

    def _copied(self, old: Shard, ids: list[int]) -> list[int]:
        """Copy the items that still leave; returns their ids. The lock of the old shard is held
        until the copies are kept."""
        if not ids:
            return []
        with old.changing() as session:
            session.run(DEPART_SQL, (ids,))
        with old.changing() as session:
            leaving = [int(row[0]) for row in session.rows(LEAVING_SQL, (ids,))]
            with self._new.shard().changing() as copies:
                copies.numbers = Numbers(self._take)
                copy_items(session, copies, leaving)
            session.run(COPIED_SQL, (leaving,))
        return leaving


def _owners(shard: Shard) -> int:
    """The images, and the captions without one."""
    [(number,)] = shard.read("SELECT count(*) FROM items WHERE image_id IS NULL")
    return int(number)
