"""decode → embed → commit: threads decode while the model runs, batches are committed whole.

Whatever moment the process dies at, the catalog holds the batches before it, and the next
run goes on from there.
"""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from mmembed.catalog import CaptionEntry, Catalog, ImageEntry, Known
from mmembed.decode import Limits, decode, read_file
from mmembed.errors import ImageError, MmembedError, StoreError
from mmembed.ingest.plan import Plan, Source
from mmembed.types import Embeddings, Encoder, Failure, Item

COMMIT_IMAGES = 64
"""Images in one transaction at the most; a kill loses less than this many embeddings."""
COMMIT_SECONDS = 5.0

Progress = Callable[[int, int, int], None]
"""Called with how many files are done, how many there are, and how many have failed."""


@dataclass
class Report:
    """What one indexing did."""

    total: int = 0
    embedded: int = 0
    copies: int = 0
    """Files whose content had been embedded before; they share its vector."""
    unchanged: int = 0
    touched: int = 0
    """Files with a new time and the old content."""
    moved: int = 0
    removed: int = 0
    recaptioned: int = 0
    hidden: int = 0
    linked: int = 0
    other: int = 0
    kept_because_empty: bool = False
    interrupted: bool = False
    seconds: float = 0.0
    failures: list[Failure] = field(default_factory=list)


@dataclass(frozen=True)
class Prepared:
    """A file as a decode thread leaves it; without pixels where its content is known."""

    source: Source
    entry: ImageEntry
    pixels: NDArray[np.float32] | None


@dataclass(frozen=True)
class Pipeline:
    """The stages that an indexing runs through."""

    catalog: Catalog
    load: Callable[[], Encoder]
    """Gives the model; not called where there is nothing to embed."""
    limits: Limits
    batch: int
    threads: int

    @property
    def encoder(self) -> Encoder:
        """The model, loaded at first need."""
        return self.load()

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
        except KeyboardInterrupt:
            report.interrupted = True
        report.seconds = time.monotonic() - started
        return report

    # -- files that are new or changed -----------------------------------------------

    def _index(
        self, plan: Plan, known: dict[str, Known], report: Report, progress: Progress
    ) -> None:
        done = len(plan.unchanged)
        progress(done, report.total, 0)
        with ThreadPoolExecutor(self.threads, "decode") as pool:
            prepared = _ordered(pool, self._prepare, plan.work, window=4 * self.batch)
            for group in _grouped(prepared, COMMIT_IMAGES, COMMIT_SECONDS):
                failures = [one for one in group if isinstance(one, Failure)]
                ready = [one for one in group if isinstance(one, Prepared)]
                fresh = [one for one in ready if not self._moved(one, plan, known, report)]
                entries = self._embed(fresh, failures, report)
                self.catalog.write(entries, failures)
                report.failures += failures
                done += len(group)
                progress(done, report.total, len(report.failures))

    def _prepare(self, source: Source) -> Prepared | Failure:
        """Read, hash, decode and preprocess one file; runs in a decode thread."""
        try:
            data = read_file(source.path, limits=self.limits)
            sha256 = hashlib.sha256(data).hexdigest()
            entry = ImageEntry(
                path=source.path,
                sha256=sha256,
                embedding=None,
                width=0,
                height=0,
                bytes=source.stat.bytes,
                format="",
                mtime_ns=source.stat.mtime_ns,
                captions=tuple(CaptionEntry(text, None) for text in source.captions),
                tags=source.tags,
            )
            twin = self.catalog.content("image", sha256)
            if twin is not None:
                return Prepared(source, _like(entry, twin), None)
            picture = decode(data, name=source.path, limits=self.limits)
            width, height = picture.image.size
            entry = replace(entry, width=width, height=height, format=picture.format)
            return Prepared(source, entry, self.encoder.preprocess(picture.image))
        except ImageError as error:
            return Failure(source.path, type(error).__name__, str(error))

    def _moved(self, one: Prepared, plan: Plan, known: dict[str, Known], report: Report) -> bool:
        """Take note of a file whose content is known and only its time or place is new."""
        path, sha256 = one.source.path, one.entry.sha256
        same = known.get(path)
        if same is not None and same.sha256 == sha256:
            report.touched += 1
            self.catalog.move(same.id, path, one.entry.mtime_ns)
        elif same is None and (old := plan.take_gone(sha256)):
            report.moved += 1
            same = replace(old, bytes=one.entry.bytes, mtime_ns=one.entry.mtime_ns)
            known[path] = same
            self.catalog.move(same.id, path, one.entry.mtime_ns)
        else:
            return False
        plan.unchanged.append(one.source)
        return True

    def _embed(
        self, group: Sequence[Prepared], failures: list[Failure], report: Report
    ) -> list[ImageEntry]:
        """Entries with their embeddings; a content that comes twice is embedded once."""
        first = {one.entry.sha256: one for one in reversed(group) if one.pixels is not None}
        vectors: dict[str, NDArray[np.float32]] = {}
        pending = list(first.values())[::-1]
        for start in range(0, len(pending), self.batch):
            vectors.update(self._embed_batch(pending[start : start + self.batch], failures))
        broken = first.keys() - vectors.keys()
        entries = []
        for one in group:
            if one.entry.sha256 in broken:
                continue
            embedding = vectors.pop(one.entry.sha256, None)
            report.embedded += embedding is not None
            report.copies += embedding is None
            entries.append(replace(one.entry, embedding=embedding))
        return self._with_captions(entries)

    def _embed_batch(
        self, batch: Sequence[Prepared], failures: list[Failure]
    ) -> dict[str, NDArray[np.float32]]:
        """Embeddings by content; where a batch fails, each image is tried alone."""
        try:
            rows = self.encoder.embed_preprocessed(_stack(batch))
        except StoreError:
            raise
        except (MmembedError, RuntimeError, ValueError) as error:
            if len(batch) > 1:
                alone = [self._embed_batch([one], failures) for one in batch]
                return {key: row for part in alone for key, row in part.items()}
            path = batch[0].source.path
            failures.append(Failure(path, type(error).__name__, f"{path}: {error}"))
            return {}
        return {one.entry.sha256: row for one, row in zip(batch, rows, strict=True)}

    # -- captions --------------------------------------------------------------------

    def _with_captions(self, entries: Sequence[ImageEntry]) -> list[ImageEntry]:
        texts = [caption.text for entry in entries for caption in entry.captions]
        embedded = {caption.text: caption for caption in self.embed_captions(texts)}
        return [
            replace(entry, captions=tuple(embedded[c.text] for c in entry.captions))
            for entry in entries
        ]

    def embed_captions(self, texts: Sequence[str]) -> list[CaptionEntry]:
        """Distinct captions, with embeddings where their text has no vector yet."""
        entries = [CaptionEntry(text, None) for text in dict.fromkeys(texts)]
        new = [e for e in entries if self.catalog.content("caption", e.sha256) is None]
        if not new:
            return entries
        rows: Embeddings = self.encoder.embed_texts([e.text for e in new])
        vectors = {entry.text: row for entry, row in zip(new, rows, strict=True)}
        return [replace(entry, embedding=vectors.get(entry.text)) for entry in entries]

    def _recaption(self, plan: Plan, known: dict[str, Known], report: Report) -> None:
        """Bring captions and tags of unchanged images up to what is said of them now."""
        said = {known[s.path].id: s for s in plan.unchanged if s.captions or s.tags}
        old = self.catalog.captions_of(list(said))
        for item_id, source in said.items():
            if source.captions and list(source.captions) != old.get(item_id, []):
                self.catalog.set_captions(item_id, self.embed_captions(source.captions))
                report.recaptioned += 1
            if source.tags:
                self.catalog.add_tags(item_id, source.tags)


def _like(entry: ImageEntry, twin: Item) -> ImageEntry:
    return replace(entry, width=twin.width or 0, height=twin.height or 0, format=twin.format or "")


def _stack(batch: Sequence[Prepared]) -> NDArray[np.float32]:
    return np.stack([one.pixels for one in batch if one.pixels is not None])


def _ordered(
    pool: ThreadPoolExecutor,
    prepare: Callable[[Source], Prepared | Failure],
    work: Iterable[Source],
    *,
    window: int,
) -> Iterator[Prepared | Failure]:
    """Results in the order of the work, with at most `window` files in flight."""
    waiting: deque[Future[Prepared | Failure]] = deque()
    source = iter(work)
    try:
        waiting.extend(pool.submit(prepare, one) for one in islice(source, window))
        while waiting:
            yield waiting.popleft().result()
            waiting.extend(pool.submit(prepare, one) for one in islice(source, 1))
    finally:
        for future in waiting:
            future.cancel()


def _grouped(
    results: Iterable[Prepared | Failure], size: int, seconds: float
) -> Iterator[list[Prepared | Failure]]:
    """Groups of up to `size` results, smaller ones where they come slowly."""
    group: list[Prepared | Failure] = []
    started = time.monotonic()
    for result in results:
        group.append(result)
        if len(group) >= size or time.monotonic() - started > seconds:
            yield group
            group, started = [], time.monotonic()
    if group:
        yield group
