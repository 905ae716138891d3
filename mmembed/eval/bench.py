"""Runs a model under test: decode → embed as in indexing, with vectors stored by content."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from mmembed.classify import zero_shot
from mmembed.collection.collection import open_store
from mmembed.collection.folder_model import chosen_model
from mmembed.config.limits import Limits
from mmembed.config.settings import CATALOG_FILE, Settings
from mmembed.engines import INT8
from mmembed.errors import InputError, ModelError
from mmembed.eval.embedding_cache import Content, EmbeddingCache, Row, content_key
from mmembed.ingest.embed_batches import embed_each, grouped
from mmembed.item_failures import failure_of, text_of
from mmembed.media.decode import decode, read_file
from mmembed.media.image_limits import ImageLimits
from mmembed.models.batcher import Batcher
from mmembed.models.decode_turns import ordered
from mmembed.models.encoder import Encoder
from mmembed.models.lazy_encoder import Load
from mmembed.models.open_clip import ModelChoice, load_encoder, loader
from mmembed.types import Embeddings, Failure, Pixels

FOLDER = "eval"
"""The folder of the vectors, in the data folder."""
TEXTS_AT_ONCE = 256
GROUP_SECONDS = 5.0

Progress = Callable[[str, int, int, int], None]
"""Called with the kind of inputs (images, texts, labels), and with the numbers of finished, all and
failed ones."""


@dataclass
class Counts:
    """The numbers of cached and embedded vectors of one kind of content."""

    from_cache: int = 0
    embedded: int = 0


@dataclass(frozen=True)
class Bench:
    """The common part of all measurements: the settings, and the loading of models."""

    settings: Settings
    progress: Progress
    cached: bool = True
    """Whether vectors are stored in the data folder, and taken from there."""
    load: Load | None = None
    """By default, as in the settings."""

    def choice(self) -> ModelChoice:
        """The model of the settings; `auto` is the data folder's."""
        known = None
        if (self.settings.data / CATALOG_FILE).is_file():
            with closing(open_store(self.settings)) as store:
                known = store.model()
        return chosen_model(self.settings.model, known)

    def of_engines(self) -> Bench:
        """This bench with engines of the settings' model in place of models."""
        name, cache = self.choice().name, self.settings.cache
        return replace(self, load=lambda engine: load_encoder(name, engine=engine, cache=cache))

    @contextmanager
    def model(self, name: str) -> Iterator[MeasuredModel]:
        """The model of this id, loaded. At the end, its new vectors are stored. Raises
        ModelError."""
        load = self.load or loader(self.settings.engine, self.settings.cache)
        texts = Limits.of(self.settings).texts
        with Batcher(lambda: load(name), batch=self.settings.batch, limits=texts) as encoder:
            model = MeasuredModel(self, encoder)
            try:
                yield model
            finally:
                model.flush()


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
class MeasuredModel:
    """An encoder and its stored vectors. Not for several threads."""

    bench: Bench
    encoder: Encoder
    counts: dict[str, Counts] = field(default_factory=dict)
    _caches: dict[str, EmbeddingCache] = field(default_factory=dict)
    _fresh: set[bytes] = field(default_factory=set)
    """Keys that were embedded in this run, and do not count as cached."""

    def flush(self) -> None:
        """Store the new vectors."""
        for cache in self._caches.values():
            cache.flush()

    def _cache(self, content: Content) -> EmbeddingCache:
        if content not in self._caches:
            facts = self.encoder.facts
            # A new quantisation changes the vectors, but not the engine's name.
            cached = self.bench.cached and facts.engine != INT8
            folder = self.bench.settings.data / FOLDER if cached else None
            self._caches[content] = EmbeddingCache(
                folder, f"{facts.fingerprint}-{facts.engine}", content, facts.dim
            )
            self.counts[content] = Counts()
        return self._caches[content]

    # -- images ----------------------------------------------------------------------

    def images(self, paths: Sequence[str]) -> EmbeddedImages:
        """A vector or an error for each image file; threads decode while the model runs. Raises
        InputError if none could be embedded."""
        settings = self.bench.settings
        threads = settings.decode_threads or os.cpu_count() or 1
        rows: list[Row | Failure] = []
        failed = 0
        self._cache("images")  # before several threads ask for it
        self._tell("images", 0, len(paths), 0)
        pool = ThreadPoolExecutor(threads, "decode")
        try:
            prepared = ordered(pool, self._prepare, paths, window=4 * settings.batch)
            for group in grouped(prepared, settings.batch, GROUP_SECONDS):
                rows += self._embed(group)
                failed += sum(isinstance(row, Failure) for row in rows[-len(group) :])
                self._tell("images", len(rows), len(paths), failed)
        finally:
            pool.shutdown(cancel_futures=True)
        return _embedded(rows)

    def _prepare(self, path: str) -> _Prepared | Failure:
        """Read, decode and preprocess one file; runs in a decode thread."""
        limits = ImageLimits.of(Limits.of(self.bench.settings))
        name = text_of(path)
        try:
            data = read_file(path, name=name, limits=limits)
            key = content_key(data)
            if self._cache("images").get(key) is not None:
                return _Prepared(name, key, None)
        except BaseException as error:
            return failure_of(name, error)
        side = self.encoder.facts.decode_side  # loads the model, for which no picture is to blame
        try:
            picture = decode(data, name=name, limits=limits, side=side)
            return _Prepared(name, key, self.encoder.preprocess(picture.image, picture.box))
        except BaseException as error:
            return failure_of(name, error)

    def _embed(self, group: Sequence[_Prepared | Failure]) -> list[Row | Failure]:
        """Vectors in the order of the group; a content that comes twice is embedded once."""
        cache, counts = self._cache("images"), self.counts["images"]
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

    # -- texts -----------------------------------------------------------------------

    def texts(self, texts: Sequence[str]) -> Embeddings:
        """float32 (n, dim), unit-norm; a text that comes twice is embedded once."""
        return self._kept("texts", texts, _text_key, self._embed_texts)

    def labels(self, names: Sequence[str], templates: Sequence[str]) -> Embeddings:
        """float32 (n, dim), unit-norm: each name's prompts as zero-shot classification averages
        them. Raises QueryError for a template without {}."""
        prompts = tuple(templates)

        def embed(some: Sequence[str]) -> Embeddings:
            return zero_shot.label_matrix(self._embed_texts, some, prompts)

        def key(name: str) -> bytes:
            return _text_key(json.dumps([prompts, name]))

        return self._kept("labels", names, key, embed, TEXTS_AT_ONCE // max(1, len(prompts)))

    def _kept(
        self,
        content: Content,
        texts: Sequence[str],
        key_of: Callable[[str], bytes],
        embed: Callable[[Sequence[str]], Embeddings],
        step: int = TEXTS_AT_ONCE,
    ) -> Embeddings:
        cache, step = self._cache(content), max(1, step)
        distinct = dict.fromkeys(texts)
        new = [text for text in distinct if cache.get(key_of(text)) is None]
        self.counts[content].from_cache += len(distinct) - len(new)
        for start in range(0, len(new), step):
            self._tell(content, start, len(new), 0)
            some = new[start : start + step]
            for text, row in zip(some, embed(some), strict=True):
                cache.add(key_of(text), row)
            self.counts[content].embedded += len(some)
        if new:
            self._tell(content, len(new), len(new), 0)
        return _stacked([cache.get(key_of(text)) for text in texts])

    def _embed_texts(self, texts: Sequence[str]) -> Embeddings:
        rows = embed_each(texts, self.encoder.embed_texts)
        for text, row in zip(texts, rows, strict=True):
            if isinstance(row, Exception):
                raise ModelError(
                    f"{self.encoder.facts.name}: cannot embed {text!r}: {row}"
                ) from row
        return _stacked([row for row in rows if not isinstance(row, Exception)])

    def _tell(self, what: str, done: int, total: int, failed: int) -> None:
        self.bench.progress(what, done, total, failed)


class HasImages(Protocol):
    """The result of one model in a measurement, with the vectors of the images."""

    @property
    def images(self) -> EmbeddedImages: ...


Kept = TypeVar("Kept", bound=HasImages)


def embed_with_each(
    bench: Bench, models: Sequence[str], embed: Callable[[MeasuredModel], Kept]
) -> tuple[list[Kept], NDArray[np.bool_]]:
    """The result of `embed` for each model, one loaded after the other; and the images that all of
    them could embed: bool (n_asked,). Raises ModelError."""
    results = []
    for name in models:
        with bench.model(name) as model:
            results.append(embed(model))
    return results, np.logical_and.reduce([result.images.kept for result in results])


def _embedded(rows: Sequence[Row | Failure]) -> EmbeddedImages:
    failures = tuple(row for row in rows if isinstance(row, Failure))
    if len(failures) == len(rows):
        first = f", the first because {failures[0].message}" if failures else ""
        raise InputError(f"none of {len(rows)} images could be embedded{first}")
    return EmbeddedImages(
        rows=_stacked([row for row in rows if not isinstance(row, Failure)]),
        kept=np.array([not isinstance(row, Failure) for row in rows]),
        failures=failures,
    )


def _row(image: _Prepared, cache: EmbeddingCache, errors: dict[bytes, Exception]) -> Row | Failure:
    row = cache.get(image.key)
    return failure_of(image.name, errors[image.key]) if row is None else row


def _stacked(rows: Sequence[Row | None]) -> Embeddings:
    return np.stack([row for row in rows if row is not None])


def _text_key(text: str) -> bytes:
    return content_key(text.encode())
