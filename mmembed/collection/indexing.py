"""Folders and files → the collection, and out of it again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from mmembed.collection.folder_model import Binding
from mmembed.collection.shared_indexing import Helpers, IndexingRequest, SharedIndexing
from mmembed.config.settings import Settings
from mmembed.errors import ModelError, ModelMismatch, ProcessingError
from mmembed.ingest import (
    OWN_PARTS,
    Ignored,
    LostFiles,
    Passing,
    Pipeline,
    Report,
    Rules,
    Settling,
    as_gone,
    check_paths,
    done,
    ignored,
    make_plan,
    moved_away,
    patterns_of,
    those_below,
)
from mmembed.places import Place, absolute, is_address
from mmembed.store.entries import ImageFile, KeptOut, Known
from mmembed.store.pieces import Missing, WorkRules
from mmembed.store.protocol import Store
from mmembed.types import Phase, Progress

log = logging.getLogger(__name__)

SETTLED_AT_ONCE = 500
"""Images in one transaction."""
MANY = 1000
"""New pictures after which a part of an indexing builds and saves the graphs, too: until then
searches compare with all newer vectors."""


class Indexing:
    """Indexes files into one collection, and takes them out. One process at a time fills a folder;
    several share the work where the store allows it."""

    def __init__(
        self, store: Store, pipeline: Pipeline, settings: Settings, binding: Binding
    ) -> None:
        self._store = store
        self._pipeline = pipeline
        self._settings = settings
        self.shared = SharedIndexing(store, pipeline, settings, binding)

    def run(
        self,
        paths: Sequence[Place],
        manifests: Sequence[Place],
        progress: Progress,
        phase: Phase,
        *,
        rehash: bool,
        include_removed: bool,
        helpers: Helpers | None,
        missing: Missing,
    ) -> Report:
        """See Collection.index, which calls it."""
        if missing == "leave_all":
            self._check_known(paths)
        shares = self._store.pieces is not None or helpers is not None
        with self.shared.pieces.joining() if shares else self._store.exclusive("indexing"):
            request = self._request(paths, manifests, rehash, include_removed)
            request = replace(request, helpers=helpers, missing=missing)
            if shares:
                return self._run_shared(request, progress, phase)
            return self._run_alone(request, progress, phase)

    def run_part(
        self, paths: Sequence[Place], part: frozenset[str], manifests: Sequence[Place]
    ) -> Report:
        """Index files and folders below some paths. Nothing leaves the collection; a new file with
        the content of a missing one is that one. Raises as `run` does."""
        shares = self._store.pieces is not None
        with self.shared.pieces.joining() if shares else self._store.exclusive("indexing"):
            request = self._request(paths, manifests, rehash=False, include_removed=False)
            request = replace(request, missing="stay", part=part)
            if shares:
                return self.shared.run(request, _silently, _silently)[0]
            return self._run_alone(request, _silently, _silently)

    def settle(self, gone: Mapping[str, Known], rules: WorkRules) -> Report:
        """Have the images of missing files leave or stay, or take the places of copies that are
        newer than the rules say. gone: by path."""
        report = Report()
        settling = Settling(self._store, rules)
        shares = self._store.pieces is not None
        with self.shared.pieces.joining() if shares else self._store.exclusive("indexing"):
            images = as_gone(self._store, gone)
            for start in range(0, len(images), SETTLED_AT_ONCE):
                settling.run(images[start : start + SETTLED_AT_ONCE], report)
        return report

    def passing(self, paths: Sequence[Place]) -> Passing:
        """The files that an indexing of these paths skips."""
        return self._request(paths, (), rehash=False, include_removed=False).passing

    def _check_known(self, paths: Sequence[Place]) -> None:
        """A path that does not exist, and of which nothing is known, is a slip of the user's."""
        unknown = [path for path in paths if not self._store.images_below(absolute(path))]
        check_paths(unknown)

    def _run_alone(self, request: IndexingRequest, progress: Progress, phase: Phase) -> Report:
        store, pipeline = self._store, self._pipeline
        found = done(
            request.scan(),
            request.passing,
            lambda count: phase("looking for pictures", count),
            pipeline.sources,
        )
        phase("reading known files, captions and tags", len(found.files))
        whole = request.part is None
        known = store.known_files() if whole else store.known_among(list(found.files))
        rules = Rules(
            pipeline.limits,
            request.rehash,
            request.passing,
            pipeline.sources,
            Ignored.of(store),
        )
        plan = make_plan(found, known, request.manifests, rules)
        plan.kept_out = moved_away(store.kept_out())
        plan.keeps_gone = request.missing == "stay"
        plan.lost = None if whole else LostFiles(store)
        report = pipeline.run(plan, known, progress)
        if whole:
            self._read_headers(found.files.__contains__, report, phase)
            self._cut_captions(report, phase)
        if whole or report.embedded + report.copies >= MANY:
            phase("saving the index", 0)
            store.publish()
        report.note(plan)
        return report

    def _run_shared(self, request: IndexingRequest, progress: Progress, phase: Phase) -> Report:
        report, planner = self.shared.run(request, progress, phase)
        self._read_headers(lambda path: bool(planner.seen.among([path])), report, phase)
        self._cut_captions(report, phase)
        if report.cut:
            self._store.publish()
        return report

    def plan(
        self,
        paths: Sequence[Place],
        manifests: Sequence[Place],
        phase: Phase,
        rehash: bool,
        include_removed: bool,
    ) -> Report:
        """See Collection.plan_work, which calls it."""
        with self.shared.pieces.joining():
            request = self._request(paths, manifests, rehash, include_removed)
            return self.shared.plan(request, phase)

    def _request(
        self,
        paths: Sequence[Place],
        manifests: Sequence[Place],
        rehash: bool,
        include_removed: bool,
    ) -> IndexingRequest:
        patterns = patterns_of(self._settings.exclude)
        kept_out = frozenset(self._kept_out(paths, include_removed))
        blobs = self._settings.blobs
        own = {f"{blobs.rstrip('/')}/{part}" for part in OWN_PARTS} if is_address(blobs) else ()
        system = self._settings.include_system
        passing = Passing(patterns, system, kept_out, frozenset(own))
        return IndexingRequest(paths, manifests, passing, rehash)

    def _read_headers(self, is_met: Callable[[str], bool], report: Report, phase: Phase) -> None:
        """Of files that were met, and are unchanged, and of uploads."""

        def wanted(image: ImageFile) -> bool:
            is_upload = self._store.blobs.is_upload
            return is_met(image.path) or is_upload(image.path, image.sha256)

        def heed(count: int) -> None:
            report.headers = count
            phase("reading dates and cameras", count)

        if not report.interrupted:
            try:
                self._pipeline.backfill_headers(wanted, heed)
            except KeyboardInterrupt:
                report.interrupted = True

    def _cut_captions(self, report: Report, phase: Phase) -> None:
        """Of a time when each caption had one vector. Nothing else of an indexing needs the model
        where nothing is new: it goes well without."""

        def heed(count: int) -> None:
            report.cut = count
            phase("embedding long captions in chunks", count)

        if not report.interrupted:
            try:
                self._pipeline.cut_captions(heed)
            except KeyboardInterrupt:
                report.interrupted = True
            except (ModelError, ModelMismatch, ProcessingError) as error:
                log.warning(
                    "long captions keep their one vector until the next indexing: %s", error
                )

    def _kept_out(self, paths: Sequence[Place], include_removed: bool) -> dict[str, KeptOut]:
        """The files and folders that stay out, after the returning ones were let in."""
        kept_out = self._store.kept_out()
        if include_removed:
            self._store.let_in(those_below(kept_out, paths))
            kept_out = self._store.kept_out()
            ignored.let_in(self._store, ignored.below(ignored.listed(self._store), paths))
        return kept_out


def _silently(*_: object) -> None:
    """Nobody watches the progress of a few files."""
