"""The work of a collection on the files that watching found changed."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress

from mmembed.collection.indexing import Indexing
from mmembed.errors import StoreError
from mmembed.filters.tree import Test
from mmembed.ingest import Passing, Report, gone_below, known_below
from mmembed.ingest.watch import Note, Outcome, is_text, notes_of, notes_of_failures
from mmembed.places import Place
from mmembed.store.entries import Known
from mmembed.store.pieces import WorkRules
from mmembed.store.protocol import Store

RECENT_S = 3600.0
"""A copy that is no older takes the place of its original where that goes: moves between disks
copy everything first."""
MOST_MISSING = 2000
"""Missing paths that are asked for, so that moves can be told with the former path."""


class WatchWork:
    """See ingest.watch.Work."""

    def __init__(
        self,
        store: Store,
        indexing: Indexing,
        paths: Sequence[str],
        manifests: Sequence[Place],
        remove_missing: bool,
    ) -> None:
        self._store = store
        self._indexing = indexing
        self._paths = paths
        self._manifests = manifests
        self._remove_missing = remove_missing
        self._passing = indexing.passing(paths)
        self._newest = deque([(time.monotonic(), store.newest_item())])
        """The largest id of an item at some times: at first before the last hour, then within
        it."""

    def passing(self) -> Passing:
        """See Work.passing."""
        with suppress(StoreError):  # then those of before hold
            self._passing = self._indexing.passing(self._paths)
        return self._passing

    def count(self, root: str) -> int:
        """See Work.count."""
        return self._store.count("image", Test("folder", "=", root))

    def index(self, roots: Sequence[str], files: set[str], missing: Sequence[str]) -> Outcome:
        """See Work.index."""
        newest = self._store.newest_item()
        pictures = [path for path in files if not is_text(path)]
        before = known_below(self._store, [*pictures, *missing[:MOST_MISSING]])
        report = self._indexing.run_part(roots, frozenset(files), self._manifests)
        after = known_below(self._store, pictures)
        self._note_newest(newest)
        return _outcome(before, after, newest, report)

    def settle(self, roots: Sequence[str], gone: Sequence[str]) -> Outcome:
        """See Work.settle."""
        missing = gone_below(self._store, gone)
        rules = WorkRules(
            tuple(roots),
            newest=self._newest[0][1],
            missing="leave" if self._remove_missing else "stay",
        )
        self._indexing.settle(missing, rules)
        still = self._store.known_among(list(missing))
        items = self._store.items([known.id for known in missing.values()])
        homes = {item.id: item.path or "" for item in items}
        return Outcome([_settled(path, known, still, homes) for path, known in missing.items()])

    def _note_newest(self, newest: int) -> None:
        now = time.monotonic()
        self._newest.append((now, newest))
        while len(self._newest) > 1 and self._newest[1][0] < now - RECENT_S:
            self._newest.popleft()


def _settled(path: str, known: Known, still: Mapping[str, Known], homes: Mapping[int, str]) -> Note:
    if path in still:
        return Note("gone", path)
    if known.id in homes:
        return Note("moved", homes[known.id], f"from {path}")
    return Note("removed", path)


def _outcome(
    before: Mapping[str, Known], after: Mapping[str, Known], newest: int, report: Report
) -> Outcome:
    notes = [*notes_of(before, after, newest), *notes_of_failures(report.failures)]
    if report.recaptioned:
        count = report.recaptioned
        said = "1 picture has" if count == 1 else f"{count:,} pictures have"
        notes.append(Note("captions", "", f"{said} other ones than before"))
    failed = {failure.name: failure.message for failure in report.failures}
    return Outcome(notes, failed, report.interrupted)
