"""Embeds image files as indexing does: threads decode while the model runs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mmembed.config.limits import Limits
from mmembed.config.settings import Settings
from mmembed.counted import counted
from mmembed.errors import InputError
from mmembed.eval.embedding_cache import EmbeddingCache, content_key
from mmembed.eval.stored_embeddings import Progress, StoredEmbeddings
from mmembed.ingest.embed_batches import embed_each, grouped
from mmembed.item_failures import failure_of, text_of
from mmembed.media.decode import decode, read_file
from mmembed.media.image_limits import ImageLimits
from mmembed.models.decode_turns import ordered
from mmembed.models.encoder import Encoder
from mmembed.types import Embedding, Embeddings, Failure, Pixels

GROUP_SECONDS = 5.0


@dataclass(frozen=True)
class _Prepared:
    """An image as a decode thread leaves it; without pixels where its vector is known."""

    name: str
    key: bytes
    pixels: Pixels | None


@dataclass(frozen=True)
class EmbeddedImages:
    """The vectors of the images that could be embedded."""

    rows: Embeddings
    """float32 (n_kept, dim), unit-norm."""
    kept: NDArray[np.bool_]
    """bool (n_asked,): which of the images asked for have a row, in their order."""
    failures: tuple[Failure, ...]


@dataclass
class ImageStage:
    """From image files to their vectors, with one model."""

    settings: Settings
    encoder: Encoder
    stored: StoredEmbeddings
    progress: Progress
    _fresh: set[bytes] = field(default_factory=set)
    """Keys that were embedded in this run, and do not count as cached."""

    def run(self, paths: Sequence[str]) -> EmbeddedImages:
        """A vector or an error for each image file; threads decode while the model runs. Raises
        InputError if none could be embedded."""
        settings = self.settings
        threads = settings.decode_threads or os.cpu_count() or 1
        rows: list[Embedding | Failure] = []
        failed = 0
        self.stored.cache("images")  # before several threads ask for it
        self.progress("images", 0, len(paths), 0)
        pool = ThreadPoolExecutor(threads, "decode")
        try:
            prepared = ordered(pool, self._prepare, paths, window=4 * settings.batch)
            for group in grouped(prepared, settings.batch, GROUP_SECONDS):
                rows += self._embed(group)
                failed += sum(isinstance(row, Failure) for row in rows[-len(group) :])
                self.progress("images", len(rows), len(paths), failed)
        finally:
            pool.shutdown(cancel_futures=True)
        return _embedded(rows)

    def _prepare(self, path: str) -> _Prepared | Failure:
        """Read, decode and preprocess one file; runs in a decode thread."""
        limits = ImageLimits.of(Limits.of(self.settings))
        name = text_of(path)
        try:
            data = read_file(path, name=name, limits=limits)
            key = content_key(data)
            if self.stored.cache("images").get(key) is not None:
                return _Prepared(name, key, None)
        except BaseException as error:
            return failure_of(name, error)
        side = self.encoder.facts.decode_side  # loads the model, for which no picture is to blame
        try:
            picture = decode(data, name=name, limits=limits, side=side)
            return _Prepared(name, key, self.encoder.preprocess(picture.image, picture.box))
        except BaseException as error:
            return failure_of(name, error)

    def _embed(self, group: Sequence[_Prepared | Failure]) -> list[Embedding | Failure]:
        """Vectors in the order of the group; a content that comes twice is embedded once."""
        cache, counts = self.stored.cache("images"), self.stored.counts["images"]
        ready = [image for image in group if isinstance(image, _Prepared)]
        counts.from_cache += sum(
            image.pixels is None and image.key not in self._fresh for image in ready
        )
        new = {
            image.key: image.pixels
            for image in ready
            if image.pixels is not None and cache.get(image.key) is None
        }
        new_rows = embed_each(
            list(new.values()), lambda some: self.encoder.embed_preprocessed(np.stack(some))
        )
        errors: dict[bytes, Exception] = {}
        for key, row in zip(new, new_rows, strict=True):
            if isinstance(row, Exception):
                errors[key] = row
            else:
                cache.add(key, row)
                self._fresh.add(key)
                counts.embedded += 1
        return [
            image if isinstance(image, Failure) else _row(image, cache, errors) for image in group
        ]


def _embedded(rows: Sequence[Embedding | Failure]) -> EmbeddedImages:
    failures = tuple(row for row in rows if isinstance(row, Failure))
    if len(failures) == len(rows):
        first = f", the first because {failures[0].message}" if failures else ""
        raise InputError(f"none of {counted(len(rows), 'image')} could be embedded{first}")
    return EmbeddedImages(
        rows=np.stack([row for row in rows if not isinstance(row, Failure)]),
        kept=np.array([not isinstance(row, Failure) for row in rows]),
        failures=failures,
    )


def _row(
    image: _Prepared, cache: EmbeddingCache, errors: dict[bytes, Exception]
) -> Embedding | Failure:
    row = cache.get(image.key)
    return failure_of(image.name, errors[image.key]) if row is None else row
