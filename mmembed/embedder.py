"""Requests' images and texts → embeddings: decode in threads, then the one loaded model."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmembed.batcher import Batcher
from mmembed.catalog import Catalog, Model
from mmembed.config import Settings
from mmembed.decode import Limits, decode, read_file
from mmembed.encoder import ModelChoice, loader, resolve_model
from mmembed.errors import ImageError, ModelError, ModelMismatch, NotFound, Overloaded
from mmembed.text_cache import TextCache
from mmembed.types import Encoder, Failure, Picture, Pixels

Embedding = NDArray[np.float32]
"""float32 (dim,), unit-norm."""

Load = Callable[[str], Encoder]

EMBEDDED_AT_ONCE = 64
"""Images of one request that are decoded before the model gets them; bounds the memory."""
ALIVE_S = 60.0
"""A model that answered within this time, and has others waiting, is busy rather than stuck."""


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


class Embedder:
    """The model of a collection, loaded at first need.

    A folder is bound to its model when the first vector is about to be written: whoever only
    reads or classifies leaves an empty folder as it is.
    """

    def __init__(
        self, settings: Settings, catalog: Catalog, threads: int, load: Load | None = None
    ) -> None:
        self.limits = Limits(
            max_bytes=int(settings.max_image_mb * 1e6),
            max_pixels=int(settings.max_megapixels * 1e6),
        )
        self._settings = settings
        self._catalog = catalog
        self._load = load or loader(settings)
        self._encoder: Batcher | None = None
        self._cached: TextCache | None = None
        self._claimed = False
        self._closed = False
        self._lock = threading.Lock()
        self._decoders = ThreadPoolExecutor(threads, "decode")

    def close(self) -> None:
        """Let what is being embedded finish, and let go of the model. One that still loads is
        not waited for: whoever loads it lets go of it."""
        self._decoders.shutdown(cancel_futures=True)
        self._closed = True
        if self._encoder is not None:
            self._encoder.close()

    @cached_property
    def choice(self) -> ModelChoice:
        """The model that answers, without loading it, and why: `auto` is what the folder was
        built with, and for a new folder what can be had."""
        return chosen_model(self._settings.model, self._catalog.model())

    @property
    def encoder(self) -> Encoder:
        """The loaded model, which remembers the texts of requests. Raises ModelError, and
        ModelMismatch where the folder holds vectors of another."""
        if self._cached is None:
            self._cached = TextCache(self._batcher())
        return self._cached

    def claimed(self) -> Encoder:
        """The loaded model, with the folder bound to it: for what writes vectors, and embeds
        each text but once. Raises as `encoder`."""
        encoder = self._batcher()
        if not self._claimed:
            self._catalog.claim(_identity(encoder))
            self._claimed = True
        return encoder

    def check_folder(self) -> None:
        """Raises ModelMismatch where the folder holds vectors of another model, which another
        process may have begun to write since this one started."""
        encoder, known = self._encoder, self._catalog.model()
        if encoder and known and known.fingerprint != encoder.fingerprint:
            raise ModelMismatch(
                f"{self._catalog.folder} was meanwhile built with {known.name}, not with "
                f"{self.choice.name}; start again with that model, or choose another folder "
                "with --data"
            )

    @property
    def loaded(self) -> bool:
        """Whether the model is in memory."""
        return self._encoder is not None

    @property
    def loading(self) -> bool:
        """Whether the model is being loaded."""
        return self._encoder is None and self._lock.locked()

    @property
    def waiting(self) -> int:
        """How many requests wait for the model."""
        encoder = self._encoder
        return 0 if encoder is None else encoder.waiting

    def probe(self) -> None:
        """Embed a text for the sake of it; a busy model proves that it lives by the answers it
        gives, and a probe would queue behind them. Raises what the model raises."""
        if not self.busy():
            self._batcher().embed_texts(["health"])

    def busy(self) -> bool:
        """Whether requests wait for the model, and it answered others a moment ago."""
        encoder = self._encoder  # without the lock, which is held while the model loads
        if encoder is None or encoder.waiting == 0:
            return False
        return time.monotonic() - encoder.answered_at < ALIVE_S

    def _batcher(self) -> Batcher:
        with self._lock:
            if self._closed:
                raise Overloaded("the model is shutting down")
            if self._encoder is None:
                self._encoder = self._open()
                if self._closed:  # in this moment
                    self._encoder.close()
            return self._encoder

    def _open(self) -> Batcher:
        name = self.choice.name
        encoder = Batcher(
            lambda: self._load(name), batch=self._settings.batch, max_queue=self._settings.max_queue
        )
        try:
            if self._closed:  # while it was loaded
                raise Overloaded("the model is shutting down")
            if self._catalog.model() is not None:
                self._catalog.claim(_identity(encoder))
        except BaseException:
            encoder.close()
            raise
        return encoder

    def item(self, item_id: int) -> Embedding:
        """The stored embedding of an item. Raises NotFound, ModelMismatch."""
        self.check_folder()
        row = self._catalog.vector_of(item_id).astype(np.float32)
        return np.asarray(row / np.linalg.norm(row), dtype=np.float32)

    def picture(self, picture: Picture) -> Embedding:
        """The embedding of a decoded image."""
        return self._alone(self.encoder.preprocess(picture.image))

    def image(self, image: ImageInput) -> Embedding:
        """The embedding of one image. Raises ImageError, NotFound."""
        if image.item is not None:
            return self.item(image.item)
        return self._alone(self._pixels(image))

    def images(self, images: Sequence[ImageInput | Failure]) -> list[Embedding | Failure]:
        """An embedding per image, or why there is none: a bad image fails alone."""
        starts = range(0, len(images), EMBEDDED_AT_ONCE)
        parts = [self._part(images[start : start + EMBEDDED_AT_ONCE]) for start in starts]
        return [row for part in parts for row in part]

    def _alone(self, pixels: Pixels) -> Embedding:
        embedding: Embedding = self.encoder.embed_preprocessed(pixels[None])[0]
        return embedding

    def _part(self, images: Sequence[ImageInput | Failure]) -> list[Embedding | Failure]:
        read = list(self._decoders.map(self._read, images))
        rows = iter(self._rows([one for one in read if isinstance(one, Decoded)]))
        return [next(rows) if isinstance(one, Decoded) else one for one in read]

    def _read(self, image: ImageInput | Failure) -> Decoded | Embedding | Failure:
        """What the model needs of one image; runs in a decode thread."""
        if isinstance(image, Failure):
            return image
        try:
            if image.item is not None:
                return self.item(image.item)
            return Decoded(image.name, self._pixels(image))
        except (ImageError, NotFound) as error:
            return Failure(image.name, type(error).__name__, str(error))

    def _pixels(self, image: ImageInput) -> Pixels:
        data = image.data
        if data is None:
            assert image.path is not None
            data = read_file(image.path, name=image.name, limits=self.limits)
        encoder = self.encoder
        picture = decode(data, name=image.name, limits=self.limits, side=encoder.decode_side)
        return encoder.preprocess(picture.image)

    def _rows(self, images: Sequence[Decoded]) -> list[Embedding | Failure]:
        """Embedded together; where the model cannot, each alone, to find the guilty one."""
        if not images:
            return []
        try:
            pixels = np.stack([image.pixels for image in images])
            return list(self.encoder.embed_preprocessed(pixels))
        except ModelError as error:
            if len(images) == 1:
                return [Failure(images[0].name, type(error).__name__, str(error))]
        return [row for image in images for row in self._rows([image])]


def chosen_model(asked: str, known: Model | None) -> ModelChoice:
    """The model that an id means beside a folder that was built with the known one, or with
    none yet: `auto` is what it was built with, and for a new folder what can be had."""
    if asked == "auto" and known is not None:
        return ModelChoice(known.name, f"{known.name} is what the folder was built with")
    return resolve_model(asked)


def _identity(encoder: Encoder) -> Model:
    return Model(encoder.name, encoder.fingerprint, encoder.dim)
