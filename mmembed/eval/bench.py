"""Runs models under test: images and texts → vectors, stored by content."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from mmembed.classify.calibration import Calibration, shipped_calibration
from mmembed.collection.calibrations import Calibrations
from mmembed.collection.folder_model import chosen_model
from mmembed.collection.open_store import open_store
from mmembed.config.limits import Limits
from mmembed.config.settings import Settings
from mmembed.eval.embed_images import EmbeddedImages, ImageStage
from mmembed.eval.embed_texts import TextStage
from mmembed.eval.stored_embeddings import Counts, Progress, StoredEmbeddings
from mmembed.models.batcher import Batcher
from mmembed.models.encoder import Encoder, ModelFacts
from mmembed.models.lazy_encoder import Load
from mmembed.models.open_clip import ModelChoice, load_encoder, loader
from mmembed.types import Embeddings


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
        if self.settings.is_made:
            with closing(open_store(self.settings)) as store:
                known = store.model()
        return chosen_model(self.settings.model, known)

    def calibration(self, facts: ModelFacts) -> Calibration:
        """The calibration of a model in the settings' collection, else the package's for it."""
        if not self.settings.is_made:
            return shipped_calibration(facts.name)
        with closing(open_store(self.settings)) as store:
            return Calibrations(store).of(facts)

    def keep(self, facts: ModelFacts, calibration: Calibration) -> None:
        """Store a model's calibration in the settings' collection. Raises StoreError."""
        with closing(open_store(self.settings)) as store:
            Calibrations(store).keep(facts, calibration)

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


class MeasuredModel:
    """An encoder and its stored vectors. Not for several threads."""

    def __init__(self, bench: Bench, encoder: Encoder) -> None:
        self.encoder = encoder
        self.calibration = bench.calibration(encoder.facts)
        folder = bench.settings.data if bench.cached else None
        self._stored = StoredEmbeddings(folder, lambda: encoder.facts)
        self._images = ImageStage(bench.settings, encoder, self._stored, bench.progress)
        self._texts = TextStage(encoder, self._stored, bench.progress)

    @property
    def counts(self) -> dict[str, Counts]:
        """The numbers of cached and embedded vectors, by kind of content."""
        return self._stored.counts

    def flush(self) -> None:
        """Store the new vectors."""
        self._stored.flush()

    def images(self, paths: Sequence[str]) -> EmbeddedImages:
        """See ImageStage.run."""
        return self._images.run(paths)

    def texts(self, texts: Sequence[str]) -> Embeddings:
        """See TextStage.texts."""
        return self._texts.texts(texts)

    def labels(self, names: Sequence[str], templates: Sequence[str]) -> Embeddings:
        """See TextStage.labels."""
        return self._texts.labels(names, templates)


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
