"""The map of a collection as it is now: kept in the store, with what has come and gone since."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mmembed.explore.map.make import with_all
from mmembed.explore.map.map_records import FACTS, KIND, facts_of, map_of, records_of
from mmembed.explore.map.picture_map import MapFacts, PictureMap
from mmembed.explore.picture_vectors import ids_of_pictures, one_model
from mmembed.store.protocol import Store
from mmembed.types import Progress

MOST_NEW = 5_000
"""New pictures that are placed for a request; more are placed by `mmembed map`."""
CHANGED_AT_ONCE = 1_000

Ids = NDArray[np.int64]

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


@dataclass(frozen=True)
class _Following:
    """A kept map that was brought up to a state of the store."""

    facts: MapFacts
    """Of the kept map."""
    state: StoreState
    current: CurrentMap
    changed: Ids
    """Pictures of the kept map that have another content since."""
    placed: Ids
    """New and changed pictures that have their place."""


class MapKeeper:
    """Reads and writes the map of one store. Methods may be called from any thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._following: _Following | None = None
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

    def fresh(self) -> CurrentMap | None:
        """The last result of `current`, if it still holds."""
        kept = self._following
        holds = kept and (kept.facts, kept.state) == (self.facts(), self.state())
        return kept.current if kept and holds else None

    def current(self) -> CurrentMap | None:
        """The map with the present pictures, of which MOST_NEW new ones are placed; None if there
        is none. Raises ModelMismatch, Abandoned."""
        with one_model(self._store):
            facts = self.facts()
            if facts is None or (known := self._kept(facts)) is None:
                return None
            before = self._following
            if before is not None and before.facts != facts:
                before = None
            following = self._as_now(known, before, MOST_NEW)
        self._following = following
        return following.current

    def brought_up(self, progress: Progress) -> CurrentMap | None:
        """The same with all new pictures placed, and kept so; None if there is no map."""
        with one_model(self._store):
            facts = self.facts()
            if facts is None or (known := self._kept(facts)) is None:
                return None
            following = self._as_now(known, None, None, progress)
        now, change = following.current, following.state.last_change
        # Not over a map that another process has made meanwhile.
        if (now.new or now.gone) and self.facts() == facts:
            facts = replace(facts, last_change=change, revision=facts.revision + 1)
            made = replace(now.map, facts=facts)
            self.keep(made)
            now = replace(now, map=made)
        return now

    def _kept(self, facts: MapFacts) -> PictureMap | None:
        if self._read is None or self._read.facts != facts:
            self._read = map_of(self._store.records(KIND))
        return self._read

    def _as_now(
        self,
        known: PictureMap,
        before: _Following | None,
        most: int | None,
        progress: Progress = lambda *_: None,
    ) -> _Following:
        """The kept map with up to `most` new pictures. before: at an earlier state, so that only
        what came since has to be placed."""
        state, present = self.state(), ids_of_pictures(self._store)
        latest = self._changed(before.state.last_change if before else known.facts.last_change)
        changed = np.intersect1d(
            np.union1d(before.changed, latest) if before else latest, known.ids
        )
        new = np.union1d(np.setdiff1d(present, known.ids, assume_unique=True), changed)
        placed = np.setdiff1d(before.placed, latest) if before else latest[:0]
        placed = np.intersect1d(placed, new)
        chosen = np.setdiff1d(new, placed)
        chosen = chosen if most is None else chosen[: max(0, most - len(placed))]
        shown = before.current.map if before else known
        shown = shown.without_pictures(np.setdiff1d(shown.ids, present, assume_unique=True))
        shown = with_all(shown, self._store, chosen, progress)
        gone = len(np.setdiff1d(known.ids, present, assume_unique=True))
        current = CurrentMap(shown, len(present), len(new), gone)
        return _Following(known.facts, state, current, changed, np.union1d(placed, chosen))

    def _changed(self, since: int) -> Ids:
        """Pictures whose vector came after a change, which may be old ones with a new content."""
        store = self._store
        added, _ = store.changes("image", since, store.last_change())
        images = [store.images_of_vectors(some, "image") for some in _portions(added)]
        ids = [item_id for some in images for of_vector in some.values() for item_id in of_vector]
        return np.unique(np.array(ids, np.int64))


def _portions(ids: Sequence[int]) -> list[Sequence[int]]:
    return [ids[start : start + CHANGED_AT_ONCE] for start in range(0, len(ids), CHANGED_AT_ONCE)]
