"""Runs decode → embed → commit at the same time, with short queues; groups are committed whole.

If the process dies at any moment, the catalog holds the earlier batches, and the next run continues
from there.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import takewhile
from typing import TypeVar

from mmembed.cancellation import current_caller
from mmembed.errors import Abandoned
from mmembed.ingest.caption_rules import SaidLimits
from mmembed.ingest.commit import Committing
from mmembed.ingest.cut_captions import CuttingCaptions
from mmembed.ingest.embed import EmbeddingStage
from mmembed.ingest.embed_batches import grouped
from mmembed.ingest.embed_captions import embed_captions
from mmembed.ingest.hash_pictures import HashBackfill, Hashed
from mmembed.ingest.header_backfill import HeaderBackfill
from mmembed.ingest.opening_time import TimedOpening
from mmembed.ingest.plan import Plan
from mmembed.ingest.prepare import Prepared, Preparer
from mmembed.ingest.read_ahead import ReadAhead
from mmembed.ingest.report import Report
from mmembed.ingest.stage_profile import Profile
from mmembed.ingest.update_captions import Describing
from mmembed.item_failures import error_of
from mmembed.media.header import HeaderReader
from mmembed.models.decode_turns import ordered
from mmembed.models.encoder import Encoder
from mmembed.sources.sources import Sources
from mmembed.store.entries import CaptionEntry, ImageFile, KeptOut, Known
from mmembed.store.protocol import Store
from mmembed.types import Failure, Progress

log = logging.getLogger(__name__)
Out = TypeVar("Out")

COMMIT_IMAGES = 64
"""Images in one transaction at the most."""
AHEAD = 2
"""Groups that may be embedded and not yet committed: a kill loses no more."""
COMMIT_SECONDS = 5.0


@dataclass(frozen=True)
class Pipeline:
    """The stages of an indexing."""

    store: Store
    load: Callable[[], Encoder]
    """Gives the model; not called if there is nothing to embed."""
    headers: HeaderReader
    batch: int
    threads: int
    thumbnails: bool
    """Whether to make thumbnails of decoded pictures."""
    sources: Sources = field(default_factory=Sources)
    """Reads pictures elsewhere than in files of this machine."""
    limits: SaidLimits = field(default_factory=SaidLimits)
    """Of the texts beside those."""

    def run(self, plan: Plan, known: dict[str, Known], progress: Progress) -> Report:
        """Carry out the plan. An interrupt ends it early with the committed part. Raises StoreError
        if the catalog cannot be written."""
        report = self.take_in(plan, known, progress)
        if report.interrupted:
            return report
        with _noted_in(report):
            leaving = plan.leaving()
            report.removed += self.store.remove(leaving)
            report.missing = len(plan.gone) - len(leaving)
            over = plan.over({failure.name for failure in self.store.failures()})
            self.store.forget_failures(
                lambda path: (
                    path in over or (plan.scan.covers(path) and path not in plan.scan.files)
                )
            )
        return report

    def take_in(
        self,
        plan: Plan,
        known: dict[str, Known],
        progress: Progress,
        ending: Callable[[], bool] = lambda: False,
        decoded: Callable[[], None] = lambda: None,
    ) -> Report:
        """Carry out the part of a plan that concerns files which are there. `ending` tells whether
        to end with the files that were begun; then and after an interrupt, the report says so.
        `decoded` is called once all files are decoded. Raises StoreError."""
        report = Report(
            total=len(plan.work) + len(plan.unchanged),
            unchanged=len(plan.unchanged),
            kept_because_empty=plan.kept_because_empty,
            failures=list(plan.failures),
        )
        with _noted_in(report):
            Committing(self.store).mark(plan.marks)
            self._index(plan, known, report, unfailing(progress), ending, decoded)
            if plan.moved_out:
                self.store.keep_out(plan.moved_out)
            report.removed += self._leave_out(plan, known)
            ids = {source.path: known[source.path].id for source in plan.unchanged}
            Describing(self.store, self.load).run(plan.unchanged, ids, report)
        return report

    # -- files that are new or changed -----------------------------------------------

    def _index(
        self,
        plan: Plan,
        known: dict[str, Known],
        report: Report,
        progress: Progress,
        ending: Callable[[], bool],
        decoded: Callable[[], None],
    ) -> None:
        """Three stages at once, each ahead of the next: several threads decode, one thread embeds,
        and this thread commits."""
        done = len(plan.unchanged)
        progress(done, report.total, 0)
        profile, load = Profile(self.threads), TimedOpening(self.load)
        prepare = Preparer(
            *(self.store, load, self.headers, profile, self.thumbnails),
            plan.ignored.contents,
        )
        embed = EmbeddingStage(self.store, load, self.batch, profile)
        committing = Committing(self.store)
        decoders = ThreadPoolExecutor(self.threads, "decode")
        embedders = ThreadPoolExecutor(1, "embed")
        ahead = ReadAhead(self.sources, self.limits, self.headers.limits.max_bytes)
        started = time.monotonic()
        try:
            work = ahead.over(takewhile(lambda _: not ending(), plan.work))
            prepared = _followed(ordered(decoders, prepare, work, window=4 * self.batch), decoded)
            groups = (
                self._group(group, plan, known, report)
                for group in grouped(prepared, COMMIT_IMAGES, COMMIT_SECONDS)
            )
            for group in ordered(embedders, lambda parts: embed(*parts), groups, window=AHEAD):
                with profile.stage("commit"):
                    committing.write(group)
                embedded = min(group.new, len(group.entries))
                report.embedded += embedded
                report.copies += len(group.entries) - embedded
                report.failures += group.failures
                done += group.files
                progress(done, report.total, len(report.failures))
            report.interrupted = done < report.total
        finally:
            ahead.close()
            decoders.shutdown(cancel_futures=True)
            embedders.shutdown(cancel_futures=True)
            report.stages = profile.times(time.monotonic() - started)
            report.opening_seconds = load.seconds

    def _group(
        self,
        group: Sequence[Prepared | Failure],
        plan: Plan,
        known: dict[str, Known],
        report: Report,
    ) -> tuple[list[Prepared], list[Failure], int]:
        """The entries of a group to embed, its failures, and its number of files."""
        failures = [item for item in group if isinstance(item, Failure)]
        ready = [item for item in group if isinstance(item, Prepared)]
        failures += [failure for one in ready for failure in one.failures]
        others, moves = [], []
        for one in ready:
            path, stat, sha256 = one.source.path, one.source.stat, one.entry.sha256
            if sha256 in plan.ignored.contents:
                plan.ignored.met[path] = (sha256, stat)
                continue
            same = _known_before(one, plan, known, report)
            if same is not None:
                moves.append((same.id, path, stat.mtime_ns, stat.mark))
                plan.unchanged.append(one.source)
            elif path not in known and sha256 in plan.kept_out:
                plan.moved_out[path] = KeptOut(sha256, stat.mark[0])
            else:
                others.append(one)
        failures += Committing(self.store).move(moves)
        return others, failures, len(group)

    def _leave_out(self, plan: Plan, known: Mapping[str, Known]) -> int:
        """Note the ignored files; returns how many images leave whose files have such a content
        now."""
        if not plan.ignored.met:
            return 0
        plan.ignored.note(self.store)
        return self.store.remove([known[path].id for path in plan.ignored.met if path in known])

    def backfill_headers(
        self, wanted: Callable[[ImageFile], bool], heed: Callable[[int], None]
    ) -> int:
        """Fill in the header facts of files indexed without them; see HeaderBackfill.run."""
        backfill = HeaderBackfill(self.store, self.headers, self.sources, self.threads)
        return backfill.run(wanted, heed)

    def backfill_hashes(self, progress: Progress) -> Hashed:
        """Hash the pictures that were indexed without hashes; see HashBackfill.run."""
        backfill = HashBackfill(self.store, self.headers.limits, self.sources, self.threads)
        return backfill.run(progress)

    # -- captions --------------------------------------------------------------------

    def cut_captions(self, heed: Callable[[int], None]) -> int:
        """Embed earlier long captions in chunks; see CuttingCaptions.run."""
        return CuttingCaptions(self.store, self.load).run(heed)

    def embed_captions(self, texts: Sequence[str]) -> list[CaptionEntry]:
        """Distinct captions with their embeddings. Raises InputError for an invalid text, and the
        model's errors."""
        embedded, errors = embed_captions(self.store, self.load, texts)
        for text, error in errors.items():
            raise error_of(f"captions[{list(texts).index(text)}]", error)
        return list(embedded.values())


def _followed(results: Iterable[Out], then: Callable[[], None]) -> Iterator[Out]:
    yield from results
    then()


@contextmanager
def _noted_in(report: Report) -> Iterator[None]:
    """Add the seconds of the block to a report, and note an interrupt, which ends the block, as the
    caller's leaving does."""
    started = time.monotonic()
    try:
        yield
    except KeyboardInterrupt:
        report.interrupted = True
    except Abandoned:
        if not current_caller().left:
            raise
        report.interrupted = True
    report.seconds += time.monotonic() - started


def _known_before(
    item: Prepared, plan: Plan, known: dict[str, Known], report: Report
) -> Known | None:
    """Note a file with a known content and only a new time or path; None for another file."""
    path, stat, sha256 = item.source.path, item.source.stat, item.entry.sha256
    same = known.get(path)
    if same is not None:
        if same.sha256 != sha256:
            return None
        as_it_was = (same.bytes, same.mtime_ns, same.mark) == stat
        report.unchanged += as_it_was
        report.touched += not as_it_was
    elif same := plan.take_gone(sha256, is_known=item.pixels is None):
        report.moved += 1
        known[path] = same
    return same


def unfailing(progress: Progress) -> Progress:
    """Calls `progress` until it fails: indexing does not stop for that."""
    broken = False

    def tell(done: int, total: int, failed: int) -> None:
        nonlocal broken
        if broken:
            return
        try:
            progress(done, total, failed)
        except Exception:
            broken = True
            log.exception("the progress cannot be shown")

    return tell
