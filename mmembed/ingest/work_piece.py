"""Carries out one piece of an indexing, with the stages of an indexing by one process."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mmembed.counted import counted
from mmembed.errors import ProcessingError
from mmembed.ingest.caption_rules import SaidLimits
from mmembed.ingest.ignored import Ignored
from mmembed.ingest.piece_words import elsewhere_of, reading_of
from mmembed.ingest.pipeline import Pipeline
from mmembed.ingest.plan import Plan, Source, is_changed
from mmembed.ingest.presence import LostFiles
from mmembed.ingest.remove import moved_away
from mmembed.ingest.report import Report
from mmembed.ingest.scan_result import Scan, ancestors
from mmembed.item_failures import failure_of
from mmembed.sources.entries import FileStat, stat_of
from mmembed.store.entries import Known, Reading, Words
from mmembed.store.pieces import Piece, PieceFile
from mmembed.types import Failure, Progress

_MISSING = FileStat(0, 0, (0, 0, 0))
"""Of a file that is gone: reading it fails, and says so."""


@dataclass(frozen=True)
class PieceWork:
    """Takes the files of pieces into the collection."""

    pipeline: Pipeline
    limits: SaidLimits

    def run(
        self,
        piece: Piece,
        progress: Progress,
        ending: Callable[[], bool],
        decoded: Callable[[], None] = lambda: None,
    ) -> Report:
        """Take in the files of a piece. Files that an earlier worker has committed are not read
        again. A report that is `interrupted` is of a part of them. decoded: called once no file is
        left to read. Raises StoreError."""
        if piece.is_poisoned:
            return self._given_up(piece)
        known = self.pipeline.store.known_among([file.path for file in piece.files])
        report = Report()
        plan = self._plan(piece, known, report)
        done = self.pipeline.take_in(plan, dict(known), progress, ending, decoded)
        done.kept_out += report.kept_out + len(plan.moved_out) + len(plan.ignored.met)
        # An earlier worker of this indexing embedded these, and its report is lost.
        done.embedded += report.embedded
        done.unchanged -= report.embedded
        return done

    def _plan(self, piece: Piece, known: Mapping[str, Known], report: Report) -> Plan:
        """The plan; `report` counts the files that are not part of it, or were done before."""
        kept_out = self.pipeline.store.kept_out()
        lost = LostFiles(self.pipeline.store) if piece.rules.finds_lost else None
        plan = Plan(Scan(roots=list(piece.rules.roots)), kept_out=moved_away(kept_out), lost=lost)
        plan.ignored = Ignored.of(self.pipeline.store)
        for file in piece.files:
            if not kept_out.keys().isdisjoint(ancestors(file.path)):
                report.kept_out += 1
                continue
            source = self._source(file, piece, plan)
            before = known.get(file.path)
            if before is None or piece.rules.rehash or is_changed(before, source.stat):
                plan.work.append(source)
                continue
            plan.unchanged.append(source)
            report.embedded += before.id > piece.rules.newest
            if source.stat.is_known and before.mark != source.stat.mark:
                plan.marks.append((before.id, source.stat.mark))
        return plan

    def _source(self, file: PieceFile, piece: Piece, plan: Plan) -> Source:
        try:
            reading, failures = reading_of(file, piece.rules.roots, self.limits)
            plan.failures += failures
        except Exception as error:  # a bad text file does not stop its picture
            plan.failures.append(failure_of(file.path, error))
            reading = Reading(Words(), lambda source: False)
        elsewhere = elsewhere_of(file)
        if elsewhere is not None:
            return Source(file.path, elsewhere.stat, reading, elsewhere.texts)
        try:
            stat = stat_of(os.stat(file.path))
        except OSError:
            stat = _MISSING
        return Source(file.path, stat, reading)

    def _given_up(self, piece: Piece) -> Report:
        failures = [
            Failure(
                file.path,
                ProcessingError.code,
                f"{file.path}: {counted(piece.deaths, 'worker')} ended without a word with this "
                "file, so it is left out; `mmembed index` of the file alone may show why",
            )
            for file in piece.files
        ]
        self.pipeline.store.write([], failures)
        return Report(total=len(failures), failures=failures)
