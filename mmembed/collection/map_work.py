"""Makes the map of a collection, also beside a server's other work."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from mmembed.cancellation import Caller, working_for
from mmembed.collection.one_at_a_time import OneAtATime
from mmembed.errors import Abandoned, MmembedError, NotFound
from mmembed.explore.clusters.naming import Vocabulary
from mmembed.explore.map.keeper import CurrentMap, MapKeeper
from mmembed.explore.map.make import NO_PICTURES, Method, make_map
from mmembed.explore.map.picture_map import MapFacts
from mmembed.explore.picture_vectors import one_model
from mmembed.store.protocol import Store
from mmembed.types import Phase, Progress

CLOSING_S = 10.0
NO_MAP = (
    "there is no map of this collection yet; make one with `mmembed map` or POST /v1/map, which "
    "takes seconds for thousands of pictures and minutes for 100,000"
)

log = logging.getLogger(__name__)


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


class MapWork:
    """The map of one collection. Methods may be called from any thread."""

    def __init__(self, store: Store, vocabulary: Callable[[], Vocabulary | None]) -> None:
        """vocabulary: gives the words that name clusters, if they are ready."""
        self._store = store
        self._vocabulary = vocabulary
        self._keeper = MapKeeper(store)
        self._reading = OneAtATime("the map")
        self._caller = Caller(background=True)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._phase, self._done, self._total = "", 0, 0
        self._error: str | None = None

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
        with self._lock:
            if self._thread is None:
                self._phase, self._done, self._total, self._error = "beginning", 0, 0, None
                self._thread = threading.Thread(
                    target=self._in_background, args=(method, anew), name="mmembed-map", daemon=True
                )
                self._thread.start()
        return self.state()

    def state(self) -> MapState:
        """See Collection.map_state."""
        making = self._thread is not None
        facts = self._keeper.facts()
        if not making:
            return MapState(facts, making, error=self._error)
        return MapState(facts, making, self._phase, self._done, self._total)

    def close(self) -> None:
        """Give up the work in the background."""
        self._caller.leave()
        thread = self._thread
        if thread is not None:
            thread.join(CLOSING_S)

    def _in_background(self, method: Method, anew: bool) -> None:
        try:
            with working_for(self._caller):
                self.bring_up(method, anew=anew, progress=self._progress, phase=self._set_phase)
        except Abandoned:
            pass
        except MmembedError as error:
            log.warning("the map was not made: %s", error)
            self._error = str(error)
        except Exception:
            log.exception("the map was not made")
            self._error = "something went wrong; the log has it"
        finally:
            self._thread = None

    def _progress(self, done: int, total: int, failed: int) -> None:
        self._done, self._total = done, total

    def _set_phase(self, what: str, count: int) -> None:
        self._phase, self._done, self._total = what, 0, 0
