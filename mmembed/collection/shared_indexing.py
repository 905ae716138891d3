"""An indexing that several processes share: one plans it as pieces, and all work on these."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Protocol

from mmembed.cancellation import current_caller
from mmembed.collection.folder_model import Binding
from mmembed.collection.lease_keeper import Stall, kept_alive
from mmembed.collection.worker import AWAY_S, POLL_S, Worker
from mmembed.config.settings import Settings
from mmembed.errors import Abandoned, InputError, StoreAway, StoreError
from mmembed.ingest import (
    Passing,
    PiecePlanner,
    Pipeline,
    Report,
    SaidLimits,
    Scan,
    report_text,
    sum_of,
)
from mmembed.ingest.pipeline import unfailing
from mmembed.ingest.scan import scan_of
from mmembed.places import Place
from mmembed.store.pieces import Missing, Pieces, WorkRules
from mmembed.store.protocol import Store
from mmembed.types import Phase, Progress

SHOW_S = 1.0
"""Seconds between two looks at the progress of all workers."""


class Helpers(Protocol):
    """Workers elsewhere that do the work of an indexing, for the length of a block."""

    def __enter__(self) -> object:
        """Begin to have workers."""

    def __exit__(self, *_: object) -> None:
        """Have them end in order."""

    def tend(self) -> None:
        """Replace lost workers; called every second or so. Raises the errors that end all."""


@dataclass(frozen=True)
class IndexingRequest:
    """The paths of an indexing, and the way in which they are read."""

    paths: Sequence[Place]
    manifests: Sequence[Place]
    passing: Passing
    rehash: bool
    helpers: Helpers | None = None
    """Do the work in place of this process."""
    missing: Missing = "leave"
    """Whether images of missing files leave the collection."""
    part: frozenset[str] | None = None
    """The files and folders below the paths to which the indexing is limited."""

    def scan(self) -> Scan:
        """A scan of its paths that has not begun. Raises InputError."""
        return scan_of(self.paths, self.part, trusts_empty=self.missing == "leave_all")


class SharedIndexing:
    """Plans and works on the indexings of one collection in a database."""

    def __init__(
        self, store: Store, pipeline: Pipeline, settings: Settings, binding: Binding
    ) -> None:
        self._store = store
        self._pipeline = pipeline
        self._settings = settings
        self._binding = binding
        self._limits = pipeline.limits

    @property
    def pieces(self) -> Pieces:
        """The work in the store. Raises InputError for a store that one process fills."""
        pieces = self._store.pieces
        if pieces is None:
            raise InputError(
                f"{self._store.name}: a folder is filled by one process; several need a database, "
                "as in --store postgresql://user@host:5432/database (docs/postgres.md)"
            )
        return pieces

    # -- one command that plans and works ---------------------------------------------

    def run(
        self, request: IndexingRequest, progress: Progress, phase: Phase
    ) -> tuple[Report, PiecePlanner]:
        """Plan, work beside all other workers, and return once all is done, with the sum of the
        reports. The planner tells which files were met. Raises as Collection.index does."""
        started = time.monotonic()
        ending = threading.Event()
        planning = _Planning(self._planner(request), request, self._limits, ending)
        worker = self._worker(ending)
        try:
            with (
                current_caller().telling(ending),
                planning,
                _showing(self.pieces, progress, planning, phase),
            ):
                if request.helpers is None:
                    worker.run(lambda: self._is_done(planning), plan=planning.plan, joined=True)
                else:
                    self._watch(request.helpers, planning, ending)
            current_caller().check()
            planning.check()
        except KeyboardInterrupt:
            texts = [*self.pieces.reports(planning.plan), *worker.partial, *planning.left()]
            return replace(sum_of(texts), interrupted=True), planning.planner
        report = sum_of(self.pieces.reports(planning.plan))
        self.pieces.forget(planning.plan)
        return replace(report, seconds=time.monotonic() - started), planning.planner

    def _watch(self, helpers: Helpers, planning: _Planning, ending: threading.Event) -> None:
        away = Stall(AWAY_S)
        with helpers:
            while not ending.wait(POLL_S):
                try:
                    if self._is_done(planning):
                        return
                    away = Stall(AWAY_S)
                except StoreAway:
                    if away.is_over(None):
                        raise
                helpers.tend()

    def _is_done(self, planning: _Planning) -> bool:
        planning.check()
        return self.pieces.is_ended(planning.plan)

    # -- apart -------------------------------------------------------------------------

    def plan(self, request: IndexingRequest, phase: Phase) -> Report:
        """Plan, and leave the work to others. The report has no `total` of files in pieces."""
        planning = _Planning(self._planner(request), request, self._limits, threading.Event())
        with planning:
            while planning.is_running:
                planning.wait(SHOW_S)
                phase(*planning.now)
        planning.check()
        return replace(planning.planner.report, total=planning.planner.planned)

    def work(self, ending: threading.Event, progress: Progress, *, until_done: bool) -> Report:
        """Work until `ending` is set, or until nothing is left to do by anyone; returns the sum of
        what this process did. Raises StoreError, ModelError, ModelMismatch."""
        pieces, started = self.pieces, time.monotonic()
        worker = self._worker(ending)
        interrupted = False
        try:
            with _showing(pieces, progress):
                worker.run(lambda: until_done and pieces.progress().is_all_done)
        except KeyboardInterrupt:
            interrupted = True
        report = sum_of([*worker.reports, *worker.partial])
        report.seconds = time.monotonic() - started
        return replace(report, interrupted=interrupted or ending.is_set())

    # -- parts -------------------------------------------------------------------------

    def _planner(self, request: IndexingRequest) -> PiecePlanner:
        rules = WorkRules(
            roots=tuple(request.scan().roots),
            rehash=request.rehash,
            thumbnails=self._settings.thumbnails,
            location=self._settings.location,
            model=self._binding.choice.name,
            newest=self._store.newest_item(),
            missing=request.missing,
            finds_lost=request.part is not None,
        )
        plan, sources = self.pieces.begin(rules), self._pipeline.sources
        return PiecePlanner(self._store, self.pieces, plan, rules, sources, request.part)

    def _worker(self, ending: threading.Event) -> Worker:
        return Worker(self._store, self.pieces, self._pipeline, self._limits, self._binding, ending)


class _Planning:
    """Plans in a thread of its own, for the length of a block, which ends it."""

    def __init__(
        self,
        planner: PiecePlanner,
        request: IndexingRequest,
        limits: SaidLimits,
        ending: threading.Event,
    ) -> None:
        self.planner = planner
        self.plan = planner.plan
        self.now = ("looking for pictures", 0)
        """The work of the planner, and the number of items it has found."""
        self._arguments = (request.passing, request.manifests, limits, self._note)
        self._ending = ending
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="mmembed-planning", daemon=True)

    def __enter__(self) -> _Planning:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()

    @property
    def is_running(self) -> bool:
        """Whether more files may come."""
        return self._thread.is_alive()

    def left(self) -> list[str]:
        """The planner's report where it could not note it."""
        return [] if self._error is None else [report_text(self.planner.report)]

    def wait(self, seconds: float) -> None:
        """Wait for so long, or until all is planned."""
        self._thread.join(seconds)

    def _note(self, what: str, count: int) -> None:
        self.now = (what, count)

    def check(self) -> None:
        """Raises the error that ended the planning, if there is one."""
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        pieces = self.planner.pieces

        def renew() -> bool:
            pieces.keep_planning(self.plan)
            return True

        try:
            with kept_alive(renew) as lost:
                self.planner.run(
                    *self._arguments, ending=lambda: lost.is_set() or self._ending.is_set()
                )
        except BaseException as error:  # the thread that waits raises it
            self._error = error
            with suppress(StoreError):
                pieces.abandon(self.plan)
            if not isinstance(error, Abandoned):
                self._ending.set()


@contextmanager
def _showing(
    pieces: Pieces,
    progress: Progress,
    planning: _Planning | None = None,
    phase: Phase = lambda what, count: None,
) -> Iterator[None]:
    """Tell the progress of all workers now and then, and once at the end; before there is some, the
    phase of the planning."""
    done = threading.Event()
    progress = unfailing(progress)

    def show() -> None:
        with suppress(StoreError):  # the next look may succeed
            state = pieces.progress(planning.plan if planning else None)
            if planning is not None and planning.is_running and not state.files:
                phase(*planning.now)
                return
            if planning is None and not state.files:
                return  # an idle worker has nothing to show
            before = planning.planner.report.unchanged if planning else 0
            progress(before + state.done, before + state.files, state.failed)

    def run() -> None:
        while not done.wait(SHOW_S):
            show()

    thread = threading.Thread(target=run, name="mmembed-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
    show()
