"""The second stage: embeds entries, on a thread of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from mmembed.cancellation import Caller, current_caller
from mmembed.ingest.embed_batches import each_where_needed, embed_each
from mmembed.ingest.embed_captions import embed_captions
from mmembed.ingest.prepare import Prepared
from mmembed.ingest.stage_profile import Profile
from mmembed.item_failures import failure_of
from mmembed.models.encoder import Encoder
from mmembed.store.entries import ImageEntry
from mmembed.store.protocol import Store
from mmembed.types import Embedding, Failure


@dataclass
class EmbeddedFiles:
    """A group of files on its way into the catalog."""

    files: int
    """The number of files that it began with."""
    entries: list[ImageEntry]
    failures: list[Failure]
    new: int
    """The number of contents that were embedded for it."""


@dataclass
class EmbeddingStage:
    """Embeds group after group; called by one thread. It ends between two batches once the caller
    has left that it was made for."""

    store: Store
    load: Callable[[], Encoder]
    batch: int
    profile: Profile
    _last: dict[str, Embedding] = field(default_factory=dict)
    """The last group's embeddings by content: they may not be in the catalog yet."""
    _caller: Caller = field(default_factory=current_caller)

    def __call__(
        self, group: Sequence[Prepared], failures: list[Failure], files: int
    ) -> EmbeddedFiles:
        """Entries with their embeddings; a content that comes twice is embedded once. If a group
        fails as a whole, each file is embedded alone. Raises Abandoned, for all of the group."""
        done = EmbeddedFiles(files, [], failures, 0)
        with self.profile.stage("embed"):
            _, failed = each_where_needed(
                lambda some: self._embed(some, done), group, lambda prepared: prepared.source.path
            )
        done.failures += failed
        return done

    def _embed(self, group: Sequence[Prepared], done: EmbeddedFiles) -> None:
        """Add the results of files to the group."""
        new = {
            prepared.entry.sha256: prepared
            for prepared in reversed(group)
            if prepared.pixels is not None
        }
        vectors = self._known(list(new))
        pending = [prepared for sha256, prepared in reversed(new.items()) if sha256 not in vectors]
        errors: dict[str, Exception] = {}
        fresh: dict[str, Embedding] = {}
        for one, row in zip(pending, self._rows(pending), strict=True):
            if isinstance(row, Exception):
                errors[one.entry.sha256] = row
            else:
                fresh[one.entry.sha256] = row
        vectors |= fresh
        entries = [
            replace(
                prepared.entry,
                embedding=vectors.get(prepared.entry.sha256, prepared.entry.embedding),
            )
            for prepared in group
            if prepared.entry.sha256 not in errors
        ]
        described, unsaid = self._with_captions(entries)
        self._last = fresh
        done.entries += described
        done.failures += _failures(group, errors) + unsaid
        done.new += len(fresh)

    def _known(self, contents: list[str]) -> dict[str, Embedding]:
        """Embeddings that became known since the contents were prepared."""
        stored = self.store.embeddings_of("image", contents)
        known = {sha256: vector.astype(np.float32) for sha256, vector in stored.items()}
        return {sha256: self._last[sha256] for sha256 in contents if sha256 in self._last} | known

    def _rows(self, pending: Sequence[Prepared]) -> list[Embedding | Exception]:
        if not pending:
            return []
        encoder = self.load()
        pixels = [prepared.pixels for prepared in pending if prepared.pixels is not None]
        rows: list[Embedding | Exception] = []
        for start in range(0, len(pixels), self.batch):
            self._caller.check()
            rows += embed_each(
                pixels[start : start + self.batch],
                lambda some: encoder.embed_preprocessed(np.stack(some)),
            )
        return rows

    def _with_captions(
        self, entries: Sequence[ImageEntry]
    ) -> tuple[list[ImageEntry], list[Failure]]:
        texts = [caption.text for entry in entries for caption in entry.captions]
        embedded, errors = embed_captions(self.store, self.load, texts)
        failures = [
            failure_of(entry.path, errors[caption.text])
            for entry in entries
            for caption in entry.captions
            if caption.text in errors
        ]
        described = [
            replace(
                entry,
                captions=tuple(embedded[c.text] for c in entry.captions if c.text in embedded),
            )
            for entry in entries
        ]
        return described, failures


def _failures(group: Sequence[Prepared], errors: dict[str, Exception]) -> list[Failure]:
    return [
        failure_of(prepared.source.path, errors[prepared.entry.sha256])
        for prepared in group
        if prepared.entry.sha256 in errors
    ]
