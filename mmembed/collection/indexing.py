"""Folders and files → the collection, and out of it again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from mmembed.collection.folder_model import Binding
from mmembed.collection.shared_indexing import Helpers, IndexingRequest, SharedIndexing
from mmembed.config.settings import Settings
from mmembed.errors import ModelError, ModelMismatch, ProcessingError
from mmembed.ingest import (
    OWN_PARTS,
    Passing,
    Pipeline,
    Removed,
    Report,
    Rules,
    make_plan,
    moved_away,
    patterns_of,
    remove_below,
    scan,
    those_below,
)
from mmembed.places import Place, is_address
from mmembed.store.entries import ImageFile, KeptOut
from mmembed.store.protocol import Store
from mmembed.types import Item, Phase, Progress

log = logging.getLogger(__name__)


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
    ) -> Report:
        """See Collection.index, which calls it."""
        if self._store.pieces is not None or helpers is not None:
            with self.shared.pieces.joining():
                request = self._request(paths, manifests, rehash, include_removed)
                return self._run_shared(replace(request, helpers=helpers), progress, phase)
        with self._store.exclusive("indexing"):
            request = self._request(paths, manifests, rehash, include_removed)
            found = scan(
                paths,
                request.passing,
                lambda count: phase("looking for pictures", count),
                self._pipeline.sources,
            )
            phase("reading known files, captions and tags", len(found.files))
            known = self._store.known_files()
            pipeline = self._pipeline
            rules = Rules(pipeline.limits, rehash, request.passing, pipeline.sources)
            plan = make_plan(found, known, manifests, rules)
            plan.kept_out = moved_away(self._store.kept_out())
            report = self._pipeline.run(plan, known, progress)
            self._read_headers(found.files.__contains__, report, phase)
            self._cut_captions(report, phase)
            phase("saving the index", 0)
            self._store.publish()
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

    def keep_out(self, item: Item) -> None:
        """Have later indexings skip the file of an item; an upload or a caption has none."""
        if item.kind != "image" or item.path is None:
            return
        if not self._store.blobs.is_upload(item.path, item.sha256):
            self._store.keep_out({item.path: KeptOut(item.sha256)})

    def remove_below(self, path: Place, *, keep_out: bool, dry_run: bool) -> Removed:
        """See Collection.remove_path, which calls it."""
        with self._store.exclusive("indexing"):
            return remove_below(self._store, path, keep_out=keep_out, dry_run=dry_run)

    def _kept_out(self, paths: Sequence[Place], include_removed: bool) -> dict[str, KeptOut]:
        """The files and folders that stay out, after the returning ones were let in."""
        kept_out = self._store.kept_out()
        if include_removed:
            self._store.let_in(those_below(kept_out, paths))
            kept_out = self._store.kept_out()
        return kept_out
