"""Zero-shot classification of a request's images, with label matrices kept for the next."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from mmembed import zeroshot
from mmembed.embedder import Embedder, Embedding, ImageInput
from mmembed.types import Embeddings, Failure, Label

LABEL_MATRICES_KEPT = 32


@dataclass(frozen=True)
class Classified:
    """The labels of one image by falling probability, or why there are none."""

    index: int
    name: str
    labels: tuple[Label, ...] = ()
    failure: Failure | None = None


class Classifier:
    """Images × labels → probabilities."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._matrices: OrderedDict[tuple[tuple[str, ...], tuple[str, ...]], Embeddings]
        self._matrices = OrderedDict()
        self._lock = threading.Lock()

    @property
    def default_mode(self) -> zeroshot.Mode:
        """sigmoid for models that were trained with it and have a bias, else softmax."""
        return "softmax" if self._embedder.encoder.logit_bias is None else "sigmoid"

    def classify(
        self,
        images: Sequence[ImageInput | Failure],
        labels: Sequence[str],
        *,
        templates: Sequence[str] | None = None,
        mode: zeroshot.Mode | None = None,
        top: int | None = None,
    ) -> list[Classified]:
        """The `top` labels of every image (all, if None). Raises QueryError."""
        clean = zeroshot.check_labels(labels)
        matrix = self._matrix(clean, tuple(templates or zeroshot.SHORT_TEMPLATES))
        rows = self._embedder.images(images)
        results = []
        for index, (image, row) in enumerate(zip(images, rows, strict=True)):
            if isinstance(row, Failure):
                results.append(Classified(index, image.name, failure=row))
            else:
                found = self._labels(row, clean, matrix, mode or self.default_mode, top)
                results.append(Classified(index, image.name, found))
        return results

    def _labels(
        self,
        row: Embedding,
        labels: Sequence[str],
        matrix: Embeddings,
        mode: zeroshot.Mode,
        top: int | None,
    ) -> tuple[Label, ...]:
        encoder = self._embedder.encoder
        chances = zeroshot.probabilities(
            row[None],
            matrix,
            logit_scale=encoder.logit_scale,
            logit_bias=encoder.logit_bias,
            mode=mode,
        )
        return zeroshot.top_labels(labels, chances[0], matrix @ row, top)

    def _matrix(self, labels: tuple[str, ...], templates: tuple[str, ...]) -> Embeddings:
        key = (labels, templates)
        with self._lock:
            if key in self._matrices:
                self._matrices.move_to_end(key)
                return self._matrices[key]
        matrix = zeroshot.label_matrix(self._embedder.encoder.embed_texts, labels, templates)
        with self._lock:
            self._matrices[key] = matrix
            while len(self._matrices) > LABEL_MATRICES_KEPT:
                self._matrices.popitem(last=False)
        return matrix
