"""Binds a data folder to the model of its vectors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

import numpy as np

from mmembed.errors import ModelMismatch
from mmembed.models.encoder import Encoder
from mmembed.models.open_clip import ModelChoice, resolve_model
from mmembed.store.entries import Model
from mmembed.store.protocol import Store
from mmembed.types import Embedding


class Binding:
    """The model that a data folder is bound to.

    It is bound when the first vector is about to be written. Reading and classifying leave an empty
    folder as it is.
    """

    def __init__(self, asked: str, store: Store) -> None:
        """asked: a model id, or `auto`."""
        self._asked = asked
        self._store = store
        self._fingerprint: str | None = None
        self._claimed = False

    @cached_property
    def choice(self) -> ModelChoice:
        """The model that answers, without loading it, and why. `auto` is the folder's model, and
        for a new folder an available one."""
        return chosen_model(self._asked, self._store.model())

    def prefer(self, name: str) -> None:
        """Have `auto` mean this model where the store belongs to none yet: another process began
        an indexing with it."""
        if self._asked == "auto" and self._store.model() is None:
            self._asked = name
            self.__dict__.pop("choice", None)

    def check(self, encoder: Encoder) -> None:
        """Raises ModelMismatch if the folder holds vectors of another model than this loaded
        one."""
        if self._store.model() is not None:
            self._store.claim(_identity(encoder))
        self._fingerprint = encoder.facts.fingerprint

    def claim(self, encoder: Encoder) -> None:
        """Bind the folder to the loaded model. Raises ModelMismatch."""
        if not self._claimed:
            self._store.claim(_identity(encoder))
            self._claimed = True

    def check_folder(self) -> None:
        """Raises ModelMismatch if the folder holds vectors of another model. Another process may
        have begun to write them since this one started."""
        known = self._store.model()
        if self._fingerprint and known and known.fingerprint != self._fingerprint:
            raise ModelMismatch(
                f"{self._store.name} was meanwhile built with {known.name}, not with "
                f"{self.choice.name}; start again with that model, or choose another folder "
                "with --data"
            )

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Raises ModelMismatch if the folder holds vectors of another model before the block or
        after it: what the block compared may be of two models, whether it failed or not."""
        self.check_folder()
        try:
            yield
        finally:
            self.check_folder()

    def item(self, item_id: int) -> Embedding:
        """The stored embedding of an item. Raises NotFound, ModelMismatch."""
        self.check_folder()
        row = self._store.vector_of(item_id).astype(np.float32)
        return np.asarray(row / np.linalg.norm(row), dtype=np.float32)


def chosen_model(asked: str, known: Model | None) -> ModelChoice:
    """The model of an id, for a folder that was built with the known model, or with none yet.
    `auto` is the folder's model, and for a new folder an available one."""
    if asked == "auto" and known is not None:
        return ModelChoice(known.name, f"{known.name} is what the folder was built with")
    return resolve_model(asked)


def _identity(encoder: Encoder) -> Model:
    return Model(encoder.facts.name, encoder.facts.fingerprint, encoder.facts.dim)
