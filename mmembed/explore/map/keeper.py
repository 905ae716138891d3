"""The map of a collection as it is now: kept in the store, with what has come and gone since."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mmembed.explore.map.make import with_all
from mmembed.explore.map.map_records import (
    FACTS,
    KIND,
    PLACING,
    POINTS,
    facts_of,
    map_of,
    records_of,
)
from mmembed.explore.map.picture_map import MapFacts, PictureMap
from mmembed.explore.picture_vectors import ids_of_pictures
from mmembed.store.protocol import Store
from mmembed.types import Progress

MOST_NEW = 5_000
"""New pictures that are placed for a request; more are placed by `mmembed map`."""
CHANGED_AT_ONCE = 1_000
TRIES = 3
"""Readings of records that another process replaces meanwhile."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StoreState:
    """Numbers that change whenever pictures come, go or change."""

    last_change: int
    pictures: int
    newest: int


@dataclass(frozen=True)
class CurrentMap:
    """A map with the present pictures."""

    map: PictureMap
    pictures: int
    """In the collection now."""
    new: int
    """Pictures that came since the map was made, or changed."""
    gone: int
    """Pictures that have left since."""

    @property
    def waiting(self) -> int:
        """New pictures that are not placed yet."""
        return self.pictures - len(self.map)


class MapKeeper:
    """Reads and writes the map of one store. Methods may be called from any thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._current: tuple[MapFacts, StoreState, CurrentMap] | None = None
        self._read: PictureMap | None = None

    def facts(self) -> MapFacts | None:
        """How the kept map was made; None if there is none, or it is of another model."""
        record = self._store.record(KIND, FACTS)
        facts = None if record is None else facts_of(record)
        model = self._store.model()
        return facts if facts and model and facts.fingerprint == model.fingerprint else None

    def state(self) -> StoreState:
        """Of the store now."""
        store = self._store
        return StoreState(store.last_change(), store.count("image"), store.newest_item())

    def keep(self, made: PictureMap) -> None:
        """Write a map in place of the one before. Raises StoreError."""
        self._store.put_records(KIND, records_of(made))

    def current(self) -> CurrentMap | None:
        """The map with the present pictures, of which MOST_NEW new ones are placed; None if there
        is none. Raises Abandoned."""
        facts = self.facts()
        if facts is None:
            return None
        state = self.state()
        kept = self._current
        if kept is None or kept[:2] != (facts, state):
            known = self._kept(facts)
            if known is None:
                return None
            kept = self._current = (facts, state, self._as_now(known, MOST_NEW))
        return kept[2]

    def brought_up(self, progress: Progress) -> CurrentMap | None:
        """The same with all new pictures placed, and kept so; None if there is no map."""
        facts = self.facts()
        if facts is None or (known := self._kept(facts)) is None:
            return None
        change = self._store.last_change()
        now = self._as_now(known, None, progress)
        # Not over a map that another process has made meanwhile.
        if (now.new or now.gone) and self.facts() == facts:
            facts = replace(facts, last_change=change, revision=facts.revision + 1)
            made = replace(now.map, facts=facts)
            self.keep(made)
            now = replace(now, map=made)
        return now

    def _kept(self, facts: MapFacts) -> PictureMap | None:
        if self._read is None or self._read.facts != facts:
            for _ in range(TRIES):
                names = (FACTS, POINTS, PLACING)
                records = {name: self._store.record(KIND, name) for name in names}
                there = {name: some for name, some in records.items() if some is not None}
                self._read = map_of(there)
                if self._read is not None:
                    break
        return self._read

    def _as_now(
        self, known: PictureMap, most: int | None, progress: Progress = lambda *_: None
    ) -> CurrentMap:
        present = ids_of_pictures(self._store)
        changed = np.intersect1d(self._changed(known.facts.last_change), known.ids)
        missing = np.setdiff1d(present, known.ids, assume_unique=True)
        gone = np.setdiff1d(known.ids, present, assume_unique=True)
        new = np.union1d(missing, changed)
        placed = with_all(known.without_pictures(gone), self._store, new[:most], progress)
        return CurrentMap(placed, len(present), len(new), len(gone))

    def _changed(self, since: int) -> NDArray[np.int64]:
        """Pictures whose vector came after a change, which may be old ones with a new content."""
        store = self._store
        added, _ = store.changes("image", since, store.last_change())
        ids: list[int] = []
        for some in _portions(added):
            of_vectors = store.items_of_vectors(some)
            ids += [item.id for items in of_vectors.values() for item in items]
        return np.array(sorted(ids), np.int64)


def _portions(ids: Sequence[int]) -> list[Sequence[int]]:
    return [ids[start : start + CHANGED_AT_ONCE] for start in range(0, len(ids), CHANGED_AT_ONCE)]
