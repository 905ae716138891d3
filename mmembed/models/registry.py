"""The models of one server: the collection's, and further ones."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial

from mmembed.classify.classifier import Classifier
from mmembed.collection.folder_model import Binding
from mmembed.config.settings import Settings, variable
from mmembed.errors import NotFound
from mmembed.media.decode import Limits
from mmembed.memory_budget import MemoryBudget
from mmembed.models.batcher import CLOSING_S
from mmembed.models.inputs import Embedder, Stored
from mmembed.models.on_demand import Resident
from mmembed.models.open_clip import loader, prepare_apart
from mmembed.models.text_reading import TextLimits
from mmembed.types import Encoder

TURN = 2
"""Images of one request that wait for each decoding thread; then others have their turn."""
DECODED_AT_ONCE = 2
"""Pictures for each core, from all requests together."""
Load = Callable[[str], Encoder]
"""A model's id → the model. Raises ModelError."""


@dataclass(frozen=True)
class ServedModel:
    """One model, with its inputs and classifier."""

    embedder: Embedder
    classifier: Classifier


class ServedModels:
    """The models by their ids; each is loaded at first need."""

    def __init__(
        self,
        settings: Settings,
        binding: Binding,
        content_of: Callable[[int], bytes],
        threads: int,
        load: Load | None = None,
    ) -> None:
        """content_of: the file's bytes of an image item. Further models embed them anew, because
        the vectors of items are the first model's."""
        self._settings = settings
        self._prepares = load is None
        load = load or loader(settings)
        self._aliases = settings.aliases
        self._threads = threads
        self._decoders = ThreadPoolExecutor(threads, "decode")
        self._limits = Limits(
            max_bytes=int(settings.max_image_mb * 1e6),
            max_pixels=int(settings.max_megapixels * 1e6),
            memory=MemoryBudget(
                int(settings.decode_mb * 1e6),
                slots=DECODED_AT_ONCE * max(threads, os.cpu_count() or 1),
                purpose="pictures that are being decoded",
                setting=variable("decode_mb"),
            ),
        )
        self._texts = TextLimits.of(settings)
        bound = Resident(lambda: load(binding.choice.name), settings, binding.check)
        self.first = self._served(lambda: binding.choice.name, bound, binding.item)
        self._more = [
            self._served(partial(str, name), Resident(partial(load, name), settings), content_of)
            for name in settings.more_models
        ]

    def _served(self, name: Callable[[], str], model: Resident, stored: Stored) -> ServedModel:
        embedder = Embedder(
            name,
            model,
            limits=self._limits,
            decoders=self._decoders,
            turn=TURN * self._threads,
            stored=stored,
            texts=self._texts,
        )
        return ServedModel(embedder, Classifier(embedder))

    @cached_property
    def by_name(self) -> dict[str, ServedModel]:
        """All models, the collection's first; a model that was named twice is served once."""
        return {one.embedder.name: one for one in (self.first, *self._more)} | {
            self.first.embedder.name: self.first
        }

    def find(self, asked: str | None) -> ServedModel:
        """The model that a request names; None, "", "default" and the owner's aliases stand for the
        collection's. Raises NotFound, which lists the served models."""
        if asked in (None, "", "default", *self._aliases):
            return self.first
        assert asked is not None
        if asked not in self.by_name:
            served = " or ".join(map(repr, (*self.by_name, "default")))
            raise NotFound(
                f"model {asked!r} is not served here; use {served}, or let the server know the "
                f"name with {variable('aliases')}",
                param="model",
            )
        return self.by_name[asked]

    def load(self, ended: Callable[[], bool] = lambda: False) -> None:
        """Bring all models into memory, one after the other. ended: whether they are no longer
        wanted. Raises ModelError."""
        for name, one in self.by_name.items():
            if self._prepares:
                prepare_apart(name, self._settings.engine, self._settings.cache, ended)
            one.embedder.model.load()

    def probe(self) -> None:
        """Let every model in memory, and the collection's, embed a text. Raises their errors."""
        for one in self.by_name.values():
            if one is self.first or one.embedder.loaded:
                one.embedder.probe()

    def busy(self) -> bool:
        """Whether a model has others waiting, and answered a moment ago."""
        return any(one.embedder.busy() for one in self.by_name.values())

    def wait_s(self) -> float:
        """Seconds until all waiting requests are done; the models run side by side."""
        return max(one.embedder.model.wait_s() for one in self.by_name.values())

    def describe(self) -> list[dict[str, object]]:
        """The facts of each model; engine and dim are None until it was loaded once."""
        return [
            {
                "id": name,
                "loaded": one.embedder.loaded,
                "engine": getattr(one.embedder.known, "engine", None),
                "dim": getattr(one.embedder.known, "dim", None),
            }
            for name, one in self.by_name.items()
        ]

    def close(self) -> None:
        """Let waiting requests finish within `CLOSING_S` seconds, and unload the models."""
        until = time.monotonic() + CLOSING_S
        ending = threading.Thread(
            target=self._decoders.shutdown, kwargs={"cancel_futures": True}, daemon=True
        )
        ending.start()
        for one in (self.first, *self._more):
            one.embedder.model.close(max(0.0, until - time.monotonic()))
        ending.join(max(0.0, until - time.monotonic()))
