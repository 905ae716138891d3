"""Labels as they are told apart: embeddings → probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmembed.classify import zero_shot
from mmembed.classify.few_shot import Floats
from mmembed.classify.label_paths import Branch, LabelTree
from mmembed.classify.zero_shot import Mode
from mmembed.types import Embeddings, Label


@dataclass(frozen=True, eq=False)
class LabelScorer:
    """Scores embeddings of one model against labels. Any thread may call it."""

    labels: tuple[str, ...]
    tree: LabelTree
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

    def branches(self, likely: NDArray[np.float32], top: int | None) -> tuple[Branch, ...]:
        """The `top` parents of labels by falling probability; none where each label is for itself,
        since the sum of its leaves is then no probability. likely: (labels,)."""
        return self.tree.branches(likely)[:top] if self.mode == "softmax" else ()
