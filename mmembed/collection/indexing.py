"""Folders and files → the collection, and out of it again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mmembed.config.settings import Settings
from mmembed.ingest import (
    Passing,
    Phase,
    Pipeline,
    Progress,
    Removed,
    Report,
    Rules,
    SaidLimits,
    make_plan,
    moved_away,
    patterns_of,
    remove_below,
    scan,
    those_below,
)
from mmembed.media import uploads
from mmembed.store.entries import KeptOut, Known
from mmembed.store.index_sync import Views
from mmembed.store.sqlite import Catalog
from mmembed.types import Item


class Indexing:
    """What brings files into one collection, and takes them out; one at a time of all processes."""

    def __init__(
        self, catalog: Catalog, views: Views, pipeline: Pipeline, settings: Settings
    ) -> None:
        self._catalog = catalog
        self._views = views
        self._pipeline = pipeline
        self._settings = settings
        self._uploads = catalog.folder / uploads.FOLDER

    def run(
        self,
        paths: Sequence[Path],
        manifests: Sequence[Path],
        progress: Progress,
        phase: Phase,
        *,
        rehash: bool,
        include_removed: bool,
    ) -> Report:
        """See Collection.index, which calls it."""
        settings = self._settings
        patterns = patterns_of(settings.exclude)
        with self._catalog.indexing_lock():
            kept_out = self._kept_out(paths, include_removed)
            passing = Passing(patterns, settings.include_system, frozenset(kept_out))
            found = scan(paths, passing, lambda count: phase("looking for pictures", count))
            phase("reading what is known and what is said", len(found.files))
            known = self._known_files()
            limits = SaidLimits(settings.max_text_chars, settings.max_items)
            plan = make_plan(found, known, manifests, Rules(limits, rehash))
            plan.kept_out = moved_away(kept_out)
            report = self._pipeline.run(plan, known, progress)
            phase("saving the index", 0)
            self._views.publish()
        report.note(plan)
        return report

    def keep_out(self, item: Item) -> None:
        """Have later indexings pass over the file of an item; an upload or a caption has none."""
        if item.kind == "image" and item.path and not Path(item.path).is_relative_to(self._uploads):
            self._catalog.keep_out({item.path: KeptOut(item.sha256)})

    def remove_below(self, path: Path, *, keep_out: bool, dry_run: bool) -> Removed:
        """See Collection.remove_path, which calls it."""
        with self._catalog.indexing_lock():
            return remove_below(
                self._catalog, path, uploads=self._uploads, keep_out=keep_out, dry_run=dry_run
            )

    def _known_files(self) -> dict[str, Known]:
        """Uploads are no files of a folder that is indexed: whether the data folder lies in it, is
        excluded, or was moved there, they stay."""
        return {
            path: known
            for path, known in self._catalog.known_files().items()
            if not uploads.is_of_any_folder(path, known.sha256)
        }

    def _kept_out(self, paths: Sequence[Path], include_removed: bool) -> dict[str, KeptOut]:
        """What is to stay out, and what is known of it, after what is to come back came in."""
        kept_out = self._catalog.kept_out()
        if include_removed:
            self._catalog.let_in(those_below(kept_out, paths))
            kept_out = self._catalog.kept_out()
        return kept_out
