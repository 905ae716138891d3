"""Labels as they are told apart: embeddings → probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmembed.classify import zero_shot
from mmembed.classify.few_shot import Floats
from mmembed.classify.zero_shot import Mode
from mmembed.types import Embeddings, Label


@dataclass(frozen=True, eq=False)
class LabelScorer:
    """Scores embeddings of one model against labels. Any thread may call it."""

    labels: tuple[str, ...]
    words: Embeddings
    """float32 (labels, dim): label embeddings by words, unit-norm; zero for mere names."""
    weights: Floats
    """float64 (dim, labels)."""
    bias: Floats
    """float64 (labels,)."""
    mode: Mode

    def chances(self, rows: Embeddings) -> NDArray[np.float32]:
        """float32 (n, dim), unit-norm → probabilities, float32 (n, labels)."""
        return zero_shot.chances(rows @ self.weights + self.bias, self.mode)

    def cosines(self, rows: Embeddings) -> NDArray[np.float32]:
        """float32 (n, dim), unit-norm → cosines with the labels by words, float32 (n, labels)."""
        return np.asarray(rows @ self.words.T, np.float32)

    def top(
        self, likely: NDArray[np.float32], cosines: NDArray[np.float32], top: int | None
    ) -> tuple[Label, ...]:
        """The `top` labels of one row by falling probability. likely, cosines: (labels,)."""
        return zero_shot.top_labels(self.labels, likely, cosines, top)
