"""decode → embed → commit: threads decode while the model runs, batches are committed whole.

Whatever moment the process dies at, the catalog holds the batches before it, and the next
run goes on from there.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mmembed.catalog import CaptionEntry, Catalog, ImageEntry, Known
from mmembed.decode import Limits, decode, read_file
from mmembed.errors import ImageError
from mmembed.ingest.captions import embed_captions
from mmembed.ingest.flow import embed_each, grouped, ordered
from mmembed.ingest.plan import Plan, Source
from mmembed.ingest.report import Report
from mmembed.types import Encoder, Failure, Pixels

COMMIT_IMAGES = 64
"""Images in one transaction at the most; a kill loses less than this many embeddings."""
COMMIT_SECONDS = 5.0
RECAPTION_IMAGES = 256
"""Images in one transaction where only what is said of them has changed."""

Progress = Callable[[int, int, int], None]
"""Called with how many files are done, how many there are, and how many have failed."""


@dataclass(frozen=True)
class Prepared:
    """A file as a decode thread leaves it; without pixels where its content is known."""

    source: Source
    entry: ImageEntry
    """Carries the vector of a known content: its other items may be gone before it is written."""
    pixels: Pixels | None


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
        done = len(plan.unchanged)
        progress(done, report.total, 0)
        pool = ThreadPoolExecutor(self.threads, "decode")
        try:
            prepared = ordered(pool, self._prepare, plan.work, window=4 * self.batch)
            for group in grouped(prepared, COMMIT_IMAGES, COMMIT_SECONDS):
                failures = [one for one in group if isinstance(one, Failure)]
                ready = [one for one in group if isinstance(one, Prepared)]
                fresh = self._without_moved(ready, plan, known, report)
                entries, embedded = self._embed(fresh, failures)
                self.catalog.write(entries, failures)
                report.embedded += embedded
                report.copies += len(entries) - embedded
                report.failures += failures
                done += len(group)
                progress(done, report.total, len(report.failures))
        finally:
            pool.shutdown(cancel_futures=True)

    def _prepare(self, source: Source) -> Prepared | Failure:
        """Read, hash, decode and preprocess one file; runs in a decode thread."""
        try:
            data = read_file(source.path, limits=self.limits)
            entry = ImageEntry(
                path=source.path,
                sha256=hashlib.sha256(data).hexdigest(),
                embedding=None,
                width=0,
                height=0,
                bytes=source.stat.bytes,
                format="",
                mtime_ns=source.stat.mtime_ns,
                captions=tuple(CaptionEntry(text, None) for text in source.captions),
                tags=source.tags,
            )
            copy = self._copy(entry)
            if copy is not None:
                return Prepared(source, copy, None)
            encoder = self.encoder
            side = encoder.decode_side
            picture = decode(data, name=source.path, limits=self.limits, side=side)
        except ImageError as error:
            return Failure(source.path, type(error).__name__, str(error))
        entry = replace(entry, width=picture.width, height=picture.height, format=picture.format)
        try:
            return Prepared(source, entry, encoder.preprocess(picture.image))
        except Exception as error:  # a model's preprocessing may raise anything
            return _failure(source.path, error)

    def _copy(self, entry: ImageEntry) -> ImageEntry | None:
        """The entry with what is known of its content; None where that is new."""
        twin = self.catalog.content("image", entry.sha256)
        vector = self.catalog.embeddings_of("image", [entry.sha256]).get(entry.sha256)
        if twin is None or vector is None:
            return None
        return replace(
            entry,
            embedding=vector.astype(np.float32),
            width=twin.width or 0,
            height=twin.height or 0,
            format=twin.format or "",
        )

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

    def _embed(
        self, group: Sequence[Prepared], failures: list[Failure]
    ) -> tuple[list[ImageEntry], int]:
        """Entries with their embeddings, and how many were new; a content that comes twice is
        embedded once."""
        new = {one.entry.sha256: one for one in reversed(group) if one.pixels is not None}
        # Some may have been committed since their copies were prepared.
        vectors: dict[str, NDArray[np.float32]] = {
            sha256: vector.astype(np.float32)
            for sha256, vector in self.catalog.embeddings_of("image", list(new)).items()
        }
        pending = [one for sha256, one in reversed(new.items()) if sha256 not in vectors]
        errors: dict[str, Exception] = {}
        for one, row in zip(pending, self._rows(pending), strict=True):
            if isinstance(row, Exception):
                errors[one.entry.sha256] = row
            else:
                vectors[one.entry.sha256] = row
        failures += [
            _failure(one.source.path, errors[one.entry.sha256])
            for one in group
            if one.entry.sha256 in errors
        ]
        entries = [
            replace(one.entry, embedding=vectors.get(one.entry.sha256, one.entry.embedding))
            for one in group
            if one.entry.sha256 not in errors
        ]
        return self._with_captions(entries, failures), len(pending) - len(errors)

    def _rows(self, pending: Sequence[Prepared]) -> list[NDArray[np.float32] | Exception]:
        if not pending:
            return []
        encoder, pixels = self.encoder, [one.pixels for one in pending if one.pixels is not None]
        rows: list[NDArray[np.float32] | Exception] = []
        for start in range(0, len(pixels), self.batch):
            rows += embed_each(
                pixels[start : start + self.batch],
                lambda some: encoder.embed_preprocessed(np.stack(some)),
            )
        return rows

    # -- captions --------------------------------------------------------------------

    def _with_captions(
        self, entries: Sequence[ImageEntry], failures: list[Failure]
    ) -> list[ImageEntry]:
        texts = [caption.text for entry in entries for caption in entry.captions]
        embedded, errors = embed_captions(self.catalog, self.load, texts)
        for entry in entries:
            failures += [
                _failure(entry.path, errors[c.text]) for c in entry.captions if c.text in errors
            ]
        return [
            replace(
                entry,
                captions=tuple(embedded[c.text] for c in entry.captions if c.text in embedded),
            )
            for entry in entries
        ]

    def embed_captions(self, texts: Sequence[str]) -> list[CaptionEntry]:
        """Distinct captions with their embeddings. Raises InputError for what is no text, and
        what the model raises."""
        embedded, errors = embed_captions(self.catalog, self.load, texts)
        for error in errors.values():
            raise error
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
            _failure(source.path, errors[text])
            for item_id, source in said
            for text in other.get(item_id, ())
            if text in errors
        ]


def _failure(path: str, error: Exception) -> Failure:
    return Failure(path, type(error).__name__, f"{path}: {error}")
