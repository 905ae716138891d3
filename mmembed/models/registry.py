"""The models of one server: the collection's, and further ones."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import cached_property

from mmembed.config.settings import variable
from mmembed.errors import NotFound
from mmembed.models.batcher import CLOSING_S
from mmembed.models.inputs import Embedder

Prepare = Callable[[str, Callable[[], bool]], None]
"""A model's id, and whether it is no longer wanted: prepares the model before it is loaded."""


def prepare_nothing(name: str, ended: Callable[[], bool]) -> None:
    """For models that are loaded as they are."""


class ServedModels:
    """The models by their ids; each is loaded at first need."""

    def __init__(
        self,
        first: Embedder,
        more: Sequence[Embedder],
        *,
        decoders: Executor,
        aliases: Sequence[str] = (),
        prepare: Prepare = prepare_nothing,
    ) -> None:
        """first: the collection's. decoders: the threads of all models, which end with them.
        aliases: other names of the first."""
        self.first = first
        self.all = (first, *more)
        self._decoders = decoders
        self._aliases = tuple(aliases)
        self._prepare = prepare

    @cached_property
    def by_name(self) -> dict[str, Embedder]:
        """All models, the collection's first; a model that was named twice is served once."""
        return {model.name: model for model in self.all} | {self.first.name: self.first}

    def find(self, name: str | None) -> Embedder:
        """The model that a request names; None, "", "default" and the owner's aliases stand for the
        collection's. Raises NotFound, which lists the served models."""
        if name in (None, "", "default", *self._aliases):
            return self.first
        assert name is not None
        if name not in self.by_name:
            served = " or ".join(map(repr, (*self.by_name, "default")))
            raise NotFound(
                f"model {name!r} is not served here; use {served}, or let the server know the "
                f"name with {variable('aliases')}",
                param="model",
            )
        return self.by_name[name]

    def load(self, ended: Callable[[], bool] = lambda: False) -> None:
        """Bring all models into memory, one after the other. ended: whether they are no longer
        wanted. Raises ModelError."""
        for name, model in self.by_name.items():
            self._prepare(name, ended)
            model.model.load()

    def probe(self) -> None:
        """Let every model in memory, and the collection's, embed a text. Raises their errors."""
        for model in self.by_name.values():
            if model is self.first or model.loaded:
                model.probe()

    def busy(self) -> bool:
        """Whether a model has others waiting, and answered a moment ago."""
        return any(model.busy() for model in self.by_name.values())

    def wait_s(self) -> float:
        """Seconds until all waiting requests are done; the models run side by side."""
        return max(model.model.wait_s() for model in self.by_name.values())

    def describe(self) -> list[dict[str, object]]:
        """The facts of each model; engine and dim are None until it was loaded once."""
        return [
            {
                "id": name,
                "loaded": model.loaded,
                "engine": model.known and model.known.engine,
                "dim": model.known and model.known.dim,
            }
            for name, model in self.by_name.items()
        ]

    def close(self) -> None:
        """Let waiting requests finish within `CLOSING_S` seconds, and unload the models."""
        until = time.monotonic() + CLOSING_S
        ending = threading.Thread(
            target=self._decoders.shutdown, kwargs={"cancel_futures": True}, daemon=True
        )
        ending.start()
        for model in self.all:
            model.model.close(max(0.0, until - time.monotonic()))
        ending.join(max(0.0, until - time.monotonic()))
