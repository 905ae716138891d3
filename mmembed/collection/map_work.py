"""Makes the map of a collection, also beside a server's other work."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from mmembed.collection.jobs.registry import JobRegistry
from mmembed.collection.jobs.running_job import RunningJob
from mmembed.collection.one_at_a_time import OneAtATime
from mmembed.errors import NotFound
from mmembed.explore.clusters.naming import Vocabulary
from mmembed.explore.map.keeper import CurrentMap, MapKeeper
from mmembed.explore.map.make import NO_PICTURES, Method, make_map
from mmembed.explore.map.picture_map import MapFacts
from mmembed.explore.picture_vectors import one_model
from mmembed.store.protocol import Store
from mmembed.types import Phase, Progress

JOB = "map"
BEGINNING = "beginning"
NO_MAP = (
    "there is no map of this collection yet; make one with `mmembed map` or POST /v1/map, which "
    "takes seconds for thousands of pictures and minutes for 100,000"
)


@dataclass(frozen=True)
class MapState:
    """Whether there is a map, and how far the making of one is."""

    facts: MapFacts | None
    """Of the kept map."""
    making: bool
    phase: str = ""
    """The work of the making, for people."""
    done: int = 0
    total: int = 0
    error: str | None = None
    """Of the last making, if it failed."""
    job_id: str | None = None
    """Of the last making by this process, see LongWork."""


class MapWork:
    """The map of one collection. Methods may be called from any thread."""

    def __init__(
        self, store: Store, vocabulary: Callable[[], Vocabulary | None], jobs: JobRegistry
    ) -> None:
        """vocabulary: gives the words that name clusters, if they are ready."""
        self._store = store
        self._vocabulary = vocabulary
        self._keeper = MapKeeper(store)
        self._reading = OneAtATime("the map")
        self._jobs = jobs
        self._lock = threading.Lock()
        self._making: RunningJob | None = None

    def current(self) -> CurrentMap:
        """See Collection.map."""
        current = self._keeper.fresh()
        if current is None:
            with self._reading.turn():  # another thread may have brought it up to date meanwhile
                current = self._keeper.fresh() or self._keeper.current()
        if current is None:
            raise NotFound(NO_MAP if self._store.count("image") else NO_PICTURES)
        return current

    def tag(self) -> str:
        """Of the map as it is now: it differs whenever `current` does. Raises NotFound."""
        facts, state = self._keeper.facts(), self._keeper.state()
        if facts is None:
            raise NotFound(NO_MAP if state.pictures else NO_PICTURES)
        changes = state.last_change, state.pictures, state.newest
        return "-".join(map(str, (facts.version, facts.revision, *changes)))

    def bring_up(
        self, method: Method, *, anew: bool, progress: Progress, phase: Phase
    ) -> CurrentMap:
        """See Collection.make_map."""
        known = None if anew else self._keeper.brought_up(progress)
        if known is not None:
            return known
        model = self._store.model()
        if model is None:
            raise NotFound(NO_PICTURES)
        with one_model(self._store):
            vocabulary = self._vocabulary()
            made = make_map(
                self._store, model, vocabulary, method=method, progress=progress, phase=phase
            )
        self._keeper.keep(made)
        return CurrentMap(made, len(made), 0, 0)

    def begin(self, method: Method, *, anew: bool) -> MapState:
        """See Collection.begin_map."""

        def make(job: RunningJob) -> bytes:
            self.bring_up(
                method, anew=anew, progress=job.progress, phase=lambda what, _: job.phase(what, 0)
            )
            return b"null"

        with self._lock:
            if self._making is None or self._making.seen().is_ended:
                self._making = self._jobs.begin(JOB, make)
        return self.state()

    def state(self) -> MapState:
        """See Collection.map_state."""
        facts = self._keeper.facts()
        job = None if self._making is None else self._making.seen()
        if job is None:
            return MapState(facts, making=False)
        if job.is_ended:
            error = None if job.error is None else job.error.message
            return MapState(facts, making=False, error=error, job_id=job.id)
        phase = job.phase or BEGINNING
        return MapState(facts, True, phase, job.done, job.total, job_id=job.id)
