"""Requests' images and texts → embeddings: decode in threads, then the one loaded model."""

from __future__ import annotations

import threading
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
from mmembed.encoder import ModelChoice, load_encoder, resolve_model
from mmembed.errors import ImageError, NotFound
from mmembed.types import Encoder, Failure, Picture

Embedding = NDArray[np.float32]
"""float32 (dim,), unit-norm."""

Load = Callable[[str], Encoder]


@dataclass(frozen=True)
class ImageInput:
    """An image that a request brings: exactly one of bytes, a path, and an item's id."""

    name: str
    data: bytes | None = None
    path: Path | None = None
    item: int | None = None


class Embedder:
    """The model of a collection, loaded at first need and bound to its catalog."""

    def __init__(
        self, settings: Settings, catalog: Catalog, threads: int, load: Load = load_encoder
    ) -> None:
        self.limits = Limits(
            max_bytes=int(settings.max_image_mb * 1e6),
            max_pixels=int(settings.max_megapixels * 1e6),
        )
        self._settings = settings
        self._catalog = catalog
        self._load = load
        self._encoder: Batcher | None = None
        self._lock = threading.Lock()
        self._decoders = ThreadPoolExecutor(threads, "decode")

    def close(self) -> None:
        """Let what is being embedded finish, and let go of the model."""
        self._decoders.shutdown(cancel_futures=True)
        with self._lock:
            if self._encoder is not None:
                self._encoder.close()

    @cached_property
    def choice(self) -> ModelChoice:
        """The model that answers, without loading it, and why: `auto` is what the folder was
        built with, and for a new folder what can be had."""
        known = self._catalog.model()
        if self._settings.model == "auto" and known is not None:
            return ModelChoice(known.name, f"{known.name} is what the folder was built with")
        return resolve_model(self._settings.model)

    @property
    def encoder(self) -> Encoder:
        """The loaded model. Raises ModelError, and ModelMismatch where the folder holds
        vectors of another."""
        with self._lock:
            if self._encoder is None:
                self._encoder = self._open()
            return self._encoder

    def _open(self) -> Batcher:
        name = self.choice.name
        encoder = Batcher(
            lambda: self._load(name), batch=self._settings.batch, max_queue=self._settings.max_queue
        )
        try:
            self._catalog.claim(Model(encoder.name, encoder.fingerprint, encoder.dim))
        except BaseException:
            encoder.close()
            raise
        return encoder

    def picture(self, picture: Picture) -> Embedding:
        """The embedding of a decoded image."""
        pixels = self.encoder.preprocess(picture.image)
        embedding: Embedding = self.encoder.embed_preprocessed(pixels[None])[0]
        return embedding

    def item(self, item_id: int) -> Embedding:
        """The stored embedding of an item. Raises NotFound."""
        row = self._catalog.vector_of(item_id).astype(np.float32)
        return np.asarray(row / np.linalg.norm(row), dtype=np.float32)

    def image(self, image: ImageInput) -> Embedding:
        """The embedding of one image. Raises ImageError, NotFound."""
        if image.item is not None:
            return self.item(image.item)
        data = image.data
        if data is None:
            assert image.path is not None
            data = read_file(image.path, name=image.name, limits=self.limits)
        return self.picture(decode(data, name=image.name, limits=self.limits))

    def images(self, images: Sequence[ImageInput | Failure]) -> list[Embedding | Failure]:
        """An embedding per image, or why there is none: a bad image fails alone."""
        return list(self._decoders.map(self._image_or_failure, images))

    def _image_or_failure(self, image: ImageInput | Failure) -> Embedding | Failure:
        if isinstance(image, Failure):
            return image
        try:
            return self.image(image)
        except (ImageError, NotFound) as error:
            return Failure(image.name, type(error).__name__, str(error))
