"""A process that works on the pieces of indexings."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace

from mmembed.collection.folder_model import Binding
from mmembed.collection.lease_keeper import Stall, kept_alive
from mmembed.collection.piece_lane import PieceLanes, Told
from mmembed.errors import ModelHangs, StoreAway, StoreBusy, StoreError
from mmembed.ingest import PieceWork, Pipeline, Report, SaidLimits, Settling, report_text
from mmembed.ingest.settle_gone import AT_ONCE
from mmembed.store.pieces import LEASE_S, Ending, Piece, Pieces, WorkRules
from mmembed.store.protocol import Store

POLL_S = 1.0
"""Seconds between two looks for work."""
AWAY_S = 600.0
"""Seconds for which a worker waits for a database that cannot be reached."""
STALL_S = 1_800.0
"""Seconds without a finished file after which a claim is no longer kept: opening a model and
measuring its engines takes minutes, and a file that hangs must become another worker's."""

log = logging.getLogger(__name__)


class Worker:
    """Works on what it can claim: while one piece ends, the next one begins. One thread runs it;
    any thread may set `ending`."""

    def __init__(
        self,
        store: Store,
        pieces: Pieces,
        pipeline: Pipeline,
        limits: SaidLimits,
        binding: Binding,
        ending: threading.Event,
    ) -> None:
        """ending: once it is set, the worker ends the files that it has begun, gives its piece
        back, and returns."""
        self._store = store
        self._pieces = pieces
        self._pipeline = pipeline
        self._limits = limits
        self._binding = binding
        self._ending = ending
        self._stopped = threading.Event()
        """Set after an error or an interrupt: pieces that are under way are given back."""
        self._lanes = PieceLanes()
        self._name = f"{socket.gethostname()[:40]} {os.getpid()}"
        self.reports: list[str] = []
        """Of the pieces that this worker has finished."""
        self.partial: list[str] = []
        """Of the pieces that it gave back, or lost, half-way."""

    def run(
        self, is_done: Callable[[], bool], *, plan: int | None = None, joined: bool = False
    ) -> None:
        """Work until there is nothing to claim and `is_done`. plan: work on its pieces alone.
        joined: the caller has joined the indexing. Raises StoreError; KeyboardInterrupt after the
        piece was given back."""
        try:
            self._run(is_done, plan, joined)
            self._lanes.end()
        except BaseException as error:
            self._stopped.set()
            if not (isinstance(error, KeyboardInterrupt) and self._ending.is_set()):
                self._lanes.close()  # a second signal ends it at once
            raise

    def _run(self, is_done: Callable[[], bool], plan: int | None, joined: bool) -> None:
        away = Stall(AWAY_S)
        while not self._ending.is_set():
            try:
                if self._step(plan, joined):
                    away = Stall(AWAY_S)
                    continue
                if is_done():
                    return
                away = Stall(AWAY_S)
            except StoreAway as error:
                if away.is_over(None):
                    raise
                log.warning("%s", error)
            self._ending.wait(POLL_S)

    def _step(self, plan: int | None, joined: bool) -> bool:
        """Do one piece, or the last step of an indexing; False if there was none."""
        # An idle worker joins nothing: `mmembed remove` may run beside it.
        joining = nullcontext if joined else self._pieces.joining
        if piece := self._pieces.claim(self._name, plan, LEASE_S):

            def work(decoded: Told) -> bool:
                return self._did(joining, lambda: self._work(piece, decoded), piece)

            # A piece that ended workers must not count as a death of another one.
            return self._lanes.run(work, alone=piece.deaths > 0)
        self._lanes.end()
        if ending := self._pieces.claim_ending(self._name, LEASE_S):
            return self._did(joining, lambda: self._settle(ending))
        return False

    def _did(
        self,
        joining: Callable[[], AbstractContextManager[None]],
        work: Callable[[], None],
        piece: Piece | None = None,
    ) -> bool:
        try:
            with joining():
                work()
        except StoreBusy as error:  # another process removes folders, or builds the graph
            log.info("no work for now: %s", error)
            if piece is not None:
                self._pieces.give_back(piece)
            return False
        return True

    # -- one piece -------------------------------------------------------------------

    def _work(self, piece: Piece, decoded: Told) -> None:
        done = failed = 0
        stall = Stall(STALL_S)

        def note(now_done: int, total: int, now_failed: int) -> None:
            nonlocal done, failed
            done, failed = now_done, now_failed

        def renew() -> bool:
            return not stall.is_over(done) and self._pieces.renew(piece, done, failed, LEASE_S)

        try:
            with kept_alive(renew) as lost:
                work = PieceWork(self._pipeline_for(piece.rules), self._limits)
                report = work.run(piece, note, lambda: lost.is_set() or self._is_told, decoded)
        except ModelHangs:
            raise  # a picture may be at fault: the claim runs out, as that of a dead worker
        except BaseException:
            with suppress(StoreError):
                self._pieces.give_back(piece)
            raise
        text = report_text(report)
        if not report.interrupted and self._pieces.finish(piece, text, len(report.failures)):
            self.reports.append(text)
            return
        self.partial.append(text)
        self._pieces.give_back(piece)

    @property
    def _is_told(self) -> bool:
        """Whether to end with the files that were begun."""
        return self._ending.is_set() or self._stopped.is_set()

    def _pipeline_for(self, rules: WorkRules) -> Pipeline:
        self._binding.prefer(rules.model)
        pipeline = self._pipeline
        places = pipeline.headers.places and rules.location
        return replace(
            pipeline,
            thumbnails=pipeline.thumbnails or rules.thumbnails,
            headers=replace(pipeline.headers, places=places),
        )

    # -- the last step ---------------------------------------------------------------

    def _settle(self, ending: Ending) -> None:
        report = Report()
        settling = Settling(self._store, ending.rules)
        with kept_alive(lambda: self._pieces.settled(ending, [], LEASE_S)) as lost:
            while gone := self._pieces.gone(ending, AT_ONCE):
                if lost.is_set():
                    return
                settling.run(gone, report)
                self._pieces.settled(ending, [image.item_id for image in gone], LEASE_S)
            self._store.publish()
            if not lost.is_set():
                self._pieces.end(ending, report_text(report))
