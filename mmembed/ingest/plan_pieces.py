"""Plans an indexing as pieces that any number of workers take; they begin while it is planned.

    list the folders for captions → scan folder by folder → pieces of new and changed files
                                                          → the known files that are gone

An unchanged file is in no piece, unless its captions or tags are other ones now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice

from mmembed.errors import Abandoned
from mmembed.filters.tree import Test
from mmembed.ingest.caption_rules import SaidLimits
from mmembed.ingest.exclusions import Passing
from mmembed.ingest.ignored import Ignored
from mmembed.ingest.image_texts import Sayings
from mmembed.ingest.piece_words import Elsewhere, ended_sources, said_of_known, said_of_new
from mmembed.ingest.plan import is_changed, named_in_vain
from mmembed.ingest.report import Report
from mmembed.ingest.report_text import report_text
from mmembed.ingest.scan import folders_of, scan_of
from mmembed.ingest.scan_result import Scan, under
from mmembed.ingest.seen_paths import SeenPaths
from mmembed.ingest.take_listed import take_listed
from mmembed.item_failures import failure_of
from mmembed.places import Place
from mmembed.sources.entries import FileStat
from mmembed.sources.sources import Sources
from mmembed.store.entries import Known, Mark, Reading, Words, same
from mmembed.store.pieces import Gone, PieceFile, Pieces, WorkRules
from mmembed.store.protocol import Store
from mmembed.types import Phase

LARGEST, SMALLEST = 1_000, 50
"""Files in one piece: few at first, so that all workers have some at once."""
GROWTH = 20
"""A piece has at most so small a part of all planned files, unless that is fewer than SMALLEST."""


class PiecePlanner:
    """Plans one indexing."""

    def __init__(
        self,
        store: Store,
        pieces: Pieces,
        plan: int,
        rules: WorkRules,
        sources: Sources,
        part: frozenset[str] | None = None,
    ) -> None:
        """part: see `scan_of`."""
        self._store = store
        self._part = part
        self._sources = sources
        self.pieces = pieces
        self.plan = plan
        self._rules = rules
        self._pending: list[PieceFile] = []
        self.seen = SeenPaths()
        """Every picture that was met."""
        self.report = Report()
        self._passed_unread = 0
        self.planned = 0
        """Files in pieces."""
        self._failed = {failure.name for failure in store.failures()}
        self._over: set[str] = set()
        """Paths of failures that hold no more; see Plan.over."""

    def run(
        self,
        passing: Passing,
        manifests: Sequence[Place],
        limits: SaidLimits,
        phase: Phase,
        ending: Callable[[], bool],
    ) -> None:
        """Plan all. Raises ManifestError for named manifests that cannot be read, InputError for
        addresses that cannot, StoreBusy if another process took the planning over, and Abandoned
        once `ending` says so."""
        roots, sources = self._rules.roots, self._sources
        trusts_empty = self._rules.missing == "leave_all"
        listed, found = (scan_of(roots, self._part, trusts_empty=trusts_empty) for _ in range(2))
        for _ in folders_of(listed, passing, sources, look=False):
            self._heed(ending)
            phase("looking for captions", len(listed.texts) + len(listed.manifests))
        self._sayings = Sayings(listed, manifests, limits, self.report.failures, sources)
        self._described = self._store.described_by_files()
        self._ignored = Ignored.of(self._store)
        for _ in folders_of(found, passing, sources):
            self._heed(ending)
            if len(found.files) >= LARGEST:
                self._take(found, ending)
            phase("looking for pictures", self.report.total + self.planned + len(found.files))
        met = self.seen.among(list(self._sayings.listed))
        rest = (path for path in self._sayings.listed if path not in met)
        take_listed(rest, found, passing, sources)
        self._take(found, ending)
        self._send(all_of_them=True)
        self._end(found)

    def _heed(self, ending: Callable[[], bool]) -> None:
        if ending():
            raise Abandoned("the planning was ended early")

    # -- files that are there --------------------------------------------------------

    def _take(self, found: Scan, ending: Callable[[], bool]) -> None:
        """Sort the files that were found since the last call."""
        files = iter(found.take_files().items())
        beside = found.take_beside()
        while some := dict(islice(files, LARGEST)):
            self._heed(ending)
            for path in some:
                self.seen.add(path)
            elsewhere = {
                path: Elsewhere(some[path], beside[path]) for path in some if path in beside
            }
            known = self._store.known_among(list(some))
            self._pending += [
                PieceFile(path, said_of_new(*self._sayings.of_new(path), elsewhere.get(path)))
                for path in some
                if path not in known and not self._is_ignored(path, some[path])
            ]
            files_known = {path: some[path] for path in known if path in some}
            self._take_known(files_known, known, elsewhere)
            self._send()

    def _is_ignored(self, path: str, stat: FileStat) -> bool:
        passed = not self._rules.rehash and self._ignored.has(path, stat)
        self._passed_unread += passed
        return passed

    def _take_known(
        self,
        files: Mapping[str, FileStat],
        known: Mapping[str, Known],
        elsewhere: Mapping[str, Elsewhere],
    ) -> None:
        marks: list[tuple[int, Mark]] = []
        readings = {path: self._reading(path) for path in files}
        changed = {
            path: self._rules.rehash or is_changed(known[path], stat)
            for path, stat in files.items()
        }
        ids = [known[path].id for path, reading in readings.items()
               if changed[path] or known[path].id in self._described or reading.words]  # fmt: skip
        before = self._store.words_of(ids) if ids else {}
        unchanged: list[str] = []
        for path, reading in readings.items():
            words = before.get(known[path].id, Words())
            if changed[path] or not same(reading.after(words), words):
                said = said_of_known(reading, words, elsewhere.get(path))
                self._pending.append(PieceFile(path, said))
                continue
            unchanged.append(path)
            if files[path].is_known and known[path].mark != files[path].mark:
                marks.append((known[path].id, files[path].mark))
            if files[path].is_known and path in self._failed:
                self._over.add(path)
        if marks:
            self._store.mark_files(marks)
        # An unfinished piece of an earlier indexing reports on all its files, done or not.
        counted = self.pieces.await_unfinished(self.plan, unchanged)
        self.report.total += len(unchanged) - len(counted)
        self.report.unchanged += len(unchanged) - len(counted)

    def _reading(self, path: str) -> Reading:
        try:
            return self._sayings.of(path)
        except Exception as error:  # a bad text file does not stop its picture
            self.report.failures.append(failure_of(path, error))
            return self._sayings.nothing

    def _send(self, *, all_of_them: bool = False) -> None:
        """Make pieces of the pending files, as far as these fill some."""
        while self._pending:
            size = max(SMALLEST, min(LARGEST, (self.planned + len(self._pending)) // GROWTH))
            if len(self._pending) < size and not all_of_them:
                return
            piece, self._pending = self._pending[:size], self._pending[size:]
            self.planned += len(piece)
            self.pieces.add(self.plan, piece)

    # -- files that are not ----------------------------------------------------------

    def _end(self, found: Scan) -> None:
        self.report.failures += [*found.failures, *named_in_vain(found, self._sayings)]
        self.report.take_counts(found)
        self.report.kept_out += self._passed_unread
        self.report.empty = found.empty()
        self._note_gone(found)
        self._store.forget_failures(
            lambda path: path in self._over or (found.covers(path) and not self.seen.among([path]))
        )
        self.pieces.planned(self.plan, report_text(self.report))

    def _note_gone(self, found: Scan) -> None:
        if found.part is not None:
            return
        for paths in self._known_below(found.roots):
            seen = self.seen.among(paths)
            gone = [path for path in paths if path not in seen and found.covers(path)]
            kept = (
                [] if found.trusts_empty else [one for one in gone if under(one, self.report.empty)]
            )
            self.report.kept_because_empty |= bool(kept)
            known = self._store.known_among(gone)
            noted = {known[path].id: path for path in set(gone).difference(kept) if path in known}
            words = self._store.words_of(list(noted)) if noted else {}
            nothing = self._sayings.nothing
            self.pieces.note_gone(
                self.plan,
                [
                    Gone(item_id, path, tuple(ended_sources(nothing, words[item_id])))
                    for item_id, path in noted.items()
                ],
            )

    def _known_below(self, roots: Sequence[str]) -> Iterator[list[str]]:
        """The paths of images at and below the roots; of nested ones several times."""
        yield list(self._store.known_among(roots))
        for root in roots:
            after, where = 0, Test("folder", "=", root)
            while page := self._store.page(after=after, limit=LARGEST, kind="image", where=where):
                after = page[-1].id
                yield [item.path for item in page if item.path is not None]
