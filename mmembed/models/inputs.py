"""Requests' images and texts → embeddings: decode in threads, then one model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from mmembed.cancellation import Caller, current_caller, working_for
from mmembed.config.text_limits import TextLimits
from mmembed.errors import Abandoned, LimitError, MmembedError, ModelError, Overloaded
from mmembed.item_failures import OF_ALL, blaming, error_of, failure_of
from mmembed.media.decode import decode, read_file
from mmembed.media.image_limits import ImageLimits
from mmembed.models.decode_turns import DecodeTurns
from mmembed.models.embedder_counts import EmbedderCounts
from mmembed.models.encoder import Encoder, EncoderFacts
from mmembed.models.failing_inputs import pixels_apart, texts_apart
from mmembed.models.image_cache import ImageCache
from mmembed.models.lazy_encoder import LazyEncoder
from mmembed.models.text_cache import TextCache
from mmembed.types import Embedding, Embeddings, Failure, Picture, Pixels

Stored = Callable[[int], "Embedding | bytes"]
"""An item's id → its stored embedding, or the image file to embed. Raises NotFound,
ModelMismatch."""


@dataclass(frozen=True)
class ImageInput:
    """An image that a request brings: exactly one of bytes, a path, and an item's id."""

    name: str
    data: bytes | None = None
    path: Path | None = None
    item: int | None = None


@dataclass(frozen=True)
class Decoded:
    """An image that is ready for the model."""

    name: str
    pixels: Pixels
    key: bytes
    """Its key in the cache."""


class Embedder:
    """One model, loaded at first need, that embeds the inputs of requests.

    The embeddings of recent texts and images are cached: they take neither decoding nor the model.
    Methods may be called from any thread.
    """

    def __init__(
        self,
        name: Callable[[], str],
        model: LazyEncoder,
        *,
        limits: ImageLimits,
        decoders: ThreadPoolExecutor,
        turn: int,
        stored: Stored,
        texts: TextLimits | None = None,
    ) -> None:
        """name: gives the model's id when it is needed. decoders: threads that decode. turn: images
        of one request that wait for these threads at a time. texts: limits on their length."""
        self.limits = limits
        self.model = model
        self._name = name
        self._turns = DecodeTurns(decoders, turn)
        self._stored = stored
        self.text_limits = texts or TextLimits()
        self._texts = TextCache(model, limits=self.text_limits)
        self._images = ImageCache()

    @property
    def name(self) -> str:
        """The model's id, without loading it."""
        return self._name()

    @property
    def encoder(self) -> Encoder:
        """The model with the cache of texts; it is loaded for the first call. Its methods raise
        ModelError."""
        return self._texts

    @property
    def facts(self) -> EncoderFacts:
        """Facts about the model, which is loaded for the first call. Raises ModelError."""
        return self.model.facts

    @property
    def known(self) -> EncoderFacts | None:
        """The facts about the model without loading it; None before the first time."""
        return self.model.known

    @property
    def loaded(self) -> bool:
        """Whether the model is in memory."""
        return self.model.loaded

    @property
    def loading(self) -> bool:
        """Whether the model is being loaded for the first time."""
        return self.model.loading

    def busy(self) -> bool:
        """Whether requests wait for the model, and it answered others a moment ago."""
        return self.model.busy()

    @property
    def waiting(self) -> int:
        """The number of requests that wait for the model."""
        return self.model.waiting

    def probe(self) -> None:
        """Embed a text as a health check. A busy model shows by its answers that it lives, and a
        probe would queue behind them. Raises the model's errors."""
        if not self.busy():
            self.model.probe()

    def counts(self) -> EmbedderCounts:
        """Plain numbers, for monitoring."""
        texts, images, done = self._texts.kept, self._images, self.model.counts
        return EmbedderCounts(
            text_hits=texts.hits,
            text_misses=texts.misses,
            text_evictions=texts.evictions,
            image_hits=images.hits,
            image_misses=images.misses,
            image_evictions=images.evictions,
            texts=done.inputs["text"],
            images=done.inputs["image"],
            text_seconds=done.seconds["text"],
            image_seconds=done.seconds["image"],
            batch_sizes=dict(done.sizes),
            waiting=self.model.waiting,
            abandoned=done.abandoned,
            loads=self.model.loads,
            loaded=self.loaded,
        )

    def picture(self, picture: Picture) -> Embedding:
        """The embedding of a decoded image. Raises ModelError, ProcessingError."""
        with blaming(picture.name):
            pixels = self.encoder.preprocess(picture.image, picture.box)
        return self._alone(picture.name, pixels)

    def image(self, image: ImageInput) -> Embedding:
        """The embedding of one image. Raises ImageError, NotFound, ModelError, ProcessingError."""
        found = self._prepared(image)
        if not isinstance(found, Decoded):
            return found
        row = self._alone(found.name, found.pixels)
        self._images.keep([(found.key, row)])
        return row

    def images(self, images: Sequence[ImageInput | Failure]) -> list[Embedding | Failure]:
        """An embedding or an error for each image: a bad image fails alone."""
        results: list[Embedding | Failure] = []
        work = partial(self._read, current_caller())
        with closing(self._turns.parts(work, images)) as parts:
            for read in parts:
                rows = iter(self._rows([one for one in read if isinstance(one, Decoded)]))
                results += [next(rows) if isinstance(one, Decoded) else one for one in read]
        return results

    def texts(self, names: Sequence[str], texts: Sequence[str]) -> list[Embedding | Failure]:
        """An embedding or an error with the text's name for each text: a bad text fails alone.
        Raises the model's error if it fails on every input."""
        readings = self._texts.read_apart(texts)
        good = [one for one in readings if not isinstance(one, BaseException)]
        rows = iter(texts_apart(self.encoder, good, self.model))
        apart = [one if isinstance(one, BaseException) else next(rows) for one in readings]
        return _with_failures(names, apart)

    def all_texts(self, names: Sequence[str], texts: Sequence[str]) -> Embeddings:
        """n texts → float32 (n, dim), unit-norm. Raises the error of the first text without an
        embedding."""
        try:
            return self.encoder.embed_texts(texts)
        except (*OF_ALL, LimitError):  # a text that is too long is not read again
            raise
        except BaseException:
            rows = texts_apart(self.encoder, texts, self.model)
        for name, row in zip(names, rows, strict=True):
            if isinstance(row, BaseException):
                raise error_of(name, row)
        return np.stack([row for row in rows if not isinstance(row, BaseException)])

    def _alone(self, name: str, pixels: Pixels) -> Embedding:
        """Raises ModelError, ProcessingError."""
        [row] = pixels_apart(self.encoder, [pixels])
        if isinstance(row, BaseException):
            raise error_of(name, row)
        return row

    def _read(self, caller: Caller, image: ImageInput | Failure) -> Decoded | Embedding | Failure:
        """The model's input of one image; runs in a decode thread. Raises Abandoned."""
        caller.check()
        if isinstance(image, Failure):
            return image
        try:
            with working_for(caller):
                return self._prepared(image)
        except (ModelError, Overloaded, Abandoned):
            raise
        except MmembedError as error:
            return failure_of(image.name, error)

    def _prepared(self, image: ImageInput) -> Decoded | Embedding:
        """The cached embedding of an image, else the model's input of it. Raises errors of ours."""
        with blaming(image.name):
            data = self._data(image)
            if not isinstance(data, bytes):
                return data
            key = self._images.key_of(data)
            kept = self._images.find([key]).get(key)
            if kept is not None:
                return kept.copy()  # type: ignore[no-any-return]
        encoder = self.encoder
        side = encoder.facts.decode_side  # loads the model, for which no image is to blame
        with blaming(image.name):
            picture = decode(data, name=image.name, limits=self.limits, side=side)
            return Decoded(image.name, encoder.preprocess(picture.image, picture.box), key)

    def _data(self, image: ImageInput) -> bytes | Embedding:
        """The bytes of an image, or the embedding that an item has."""
        if image.item is not None:
            return self._stored(image.item)
        if image.data is not None:
            return image.data
        assert image.path is not None
        return read_file(image.path, name=image.name, limits=self.limits)

    def _rows(self, images: Sequence[Decoded]) -> list[Embedding | Failure]:
        """The embeddings of images, or their errors."""
        if not images:
            return []
        rows = pixels_apart(self.encoder, [image.pixels for image in images])
        # A view would keep the whole batch alive.
        self._images.keep(
            (one.key, row.copy())
            for one, row in zip(images, rows, strict=True)
            if not isinstance(row, BaseException)
        )
        return _with_failures([image.name for image in images], rows)


def _with_failures(
    names: Sequence[str], rows: Sequence[Embedding | BaseException]
) -> list[Embedding | Failure]:
    return [
        failure_of(name, row) if isinstance(row, BaseException) else row
        for name, row in zip(names, rows, strict=True)
    ]
