"""decode → embed → commit, all at once, with little between them; groups are committed whole.

Whatever moment the process dies at, the catalog holds the batches before it, and the next
run goes on from there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from mmembed.catalog import CaptionEntry, Catalog, Known
from mmembed.decode import Limits
from mmembed.failing import error_of
from mmembed.ingest.captions import embed_captions
from mmembed.ingest.embedding import EmbeddingStage
from mmembed.ingest.flow import grouped, ordered
from mmembed.ingest.plan import Plan, Source
from mmembed.ingest.preparing import Prepared, Preparer, failure_of
from mmembed.ingest.profile import Profile
from mmembed.ingest.report import Report
from mmembed.types import Encoder, Failure

COMMIT_IMAGES = 64
"""Images in one transaction at the most."""
AHEAD = 2
"""Groups that may be embedded and not yet committed: what a kill loses, at the most."""
COMMIT_SECONDS = 5.0
RECAPTION_IMAGES = 256
"""Images in one transaction where only what is said of them has changed."""

Progress = Callable[[int, int, int], None]
"""Called with how many files are done, how many there are, and how many have failed."""


@dataclass(frozen=True)
class Pipeline:
    """The stages that an indexing runs through."""

    catalog: Catalog
    load: Callable[[], Encoder]
    """Gives the model; not called where there is nothing to embed."""
    limits: Limits
    batch: int
    threads: int
    thumbnails: bool
    """Whether to keep thumbnails of what is decoded."""

    def run(self, plan: Plan, known: dict[str, Known], progress: Progress) -> Report:
        """Bring the catalog up to the plan. An interrupt ends it early with what was
        committed. Raises StoreError where the catalog cannot be written."""
        started = time.monotonic()
        report = Report(
            total=len(plan.work) + len(plan.unchanged),
            unchanged=len(plan.unchanged),
            kept_because_empty=plan.kept_because_empty,
            failures=list(plan.failures),
        )
        try:
            self._index(plan, known, report, progress)
            self._recaption(plan, known, report)
            report.removed = self.catalog.remove([item.id for item in plan.gone.values()])
            self.catalog.forget_failures(
                lambda path: plan.scan.covers(path) and path not in plan.scan.files
            )
        except KeyboardInterrupt:
            report.interrupted = True
        report.seconds = time.monotonic() - started
        return report

    # -- files that are new or changed -----------------------------------------------

    def _index(
        self, plan: Plan, known: dict[str, Known], report: Report, progress: Progress
    ) -> None:
        """Three stages at once, each some way ahead of the next: threads decode, one embeds, and
        this one commits."""
        done = len(plan.unchanged)
        progress(done, report.total, 0)
        profile = Profile(self.threads)
        prepare = Preparer(self.catalog, self.load, self.limits, profile, self.thumbnails)
        embed = EmbeddingStage(self.catalog, self.load, self.batch, profile)
        decoders = ThreadPoolExecutor(self.threads, "decode")
        embedders = ThreadPoolExecutor(1, "embed")
        started = time.monotonic()
        try:
            prepared = ordered(decoders, prepare, plan.work, window=4 * self.batch)
            groups = (
                self._group(group, plan, known, report)
                for group in grouped(prepared, COMMIT_IMAGES, COMMIT_SECONDS)
            )
            for group in ordered(embedders, lambda parts: embed(*parts), groups, window=AHEAD):
                with profile.stage("commit"):
                    self.catalog.write(group.entries, group.failures)
                report.embedded += group.new
                report.copies += len(group.entries) - group.new
                report.failures += group.failures
                done += group.files
                progress(done, report.total, len(report.failures))
        finally:
            decoders.shutdown(cancel_futures=True)
            embedders.shutdown(cancel_futures=True)
            report.stages = profile.times(time.monotonic() - started)

    def _group(
        self,
        group: Sequence[Prepared | Failure],
        plan: Plan,
        known: dict[str, Known],
        report: Report,
    ) -> tuple[list[Prepared], list[Failure], int]:
        """What of a group is to be embedded, what failed, and how many files it holds."""
        failures = [one for one in group if isinstance(one, Failure)]
        ready = [one for one in group if isinstance(one, Prepared)]
        return self._without_moved(ready, plan, known, report), failures, len(group)

    def _without_moved(
        self, group: Sequence[Prepared], plan: Plan, known: dict[str, Known], report: Report
    ) -> list[Prepared]:
        """Take note of files whose content is known and only whose time or place is new;
        returns the others."""
        moves, others = [], []
        for one in group:
            path, entry = one.source.path, one.entry
            same = known.get(path)
            if same is not None and same.sha256 == entry.sha256:
                report.touched += 1
            elif same is None and (same := plan.take_gone(entry.sha256)):
                report.moved += 1
                known[path] = same
            else:
                others.append(one)
                continue
            moves.append((same.id, path, entry.mtime_ns))
            plan.unchanged.append(one.source)
        if moves:
            self.catalog.move(moves)
        return others

    # -- captions --------------------------------------------------------------------

    def embed_captions(self, texts: Sequence[str]) -> list[CaptionEntry]:
        """Distinct captions with their embeddings. Raises InputError for what is no text, and
        what the model raises."""
        embedded, errors = embed_captions(self.catalog, self.load, texts)
        for text, error in errors.items():
            raise error_of(f"captions[{list(texts).index(text)}]", error)
        return list(embedded.values())

    def _recaption(self, plan: Plan, known: dict[str, Known], report: Report) -> None:
        """Bring captions and tags of unchanged images up to what is said of them now."""
        said = [(known[s.path].id, s) for s in plan.unchanged if s.captions or s.tags]
        for start in range(0, len(said), RECAPTION_IMAGES):
            self._recaption_some(said[start : start + RECAPTION_IMAGES], report)

    def _recaption_some(self, said: Sequence[tuple[int, Source]], report: Report) -> None:
        ids = [item_id for item_id, _ in said]
        captions, tags = self.catalog.captions_of(ids), self.catalog.tags_of(ids)
        other = {
            item_id: source.captions
            for item_id, source in said
            if source.captions and list(source.captions) != captions.get(item_id)
        }
        embedded, errors = embed_captions(
            self.catalog, self.load, [text for texts in other.values() for text in texts]
        )
        words = [
            (item_id, [embedded[t] for t in other.get(item_id, ()) if t in embedded], source.tags)
            for item_id, source in said
            if item_id in other or not tags.get(item_id, set()).issuperset(source.tags)
        ]
        if words:
            self.catalog.set_words(words)
        report.recaptioned += len(other)
        report.failures += [
            failure_of(source.path, errors[text])
            for item_id, source in said
            for text in other.get(item_id, ())
            if text in errors
        ]
