"""Labels as they are told apart: embeddings → probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmembed.classify import zero_shot
from mmembed.classify.few_shot import Floats
from mmembed.classify.label_paths import Branch, LabelTree
from mmembed.classify.rivals import LogisticRule, Rivals, together
from mmembed.classify.zero_shot import Mode
from mmembed.types import Embeddings, Label


@dataclass(frozen=True, eq=False)
class Competition:
    """Other texts that compete with the labels."""

    rivals: Rivals
    presence: LogisticRule


@dataclass(frozen=True, eq=False)
class LabelScores:
    """Probabilities for n embeddings."""

    likely: NDArray[np.float32]
    """float32 (n, labels)."""
    none: NDArray[np.float32] | None
    """float32 (n,): that none of the labels is there; None where that was not asked for."""


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
    competition: Competition | None = None
    """In the mode `multi` with each label, else with all together."""

    def scores(self, rows: Embeddings) -> LabelScores:
        """Probabilities of float32 (n, dim), unit-norm."""
        logits = rows @ self.weights + self.bias
        if self.competition is None:
            return LabelScores(zero_shot.chances(logits, self.mode), None)
        level, presence = self.competition.rivals.level(rows), self.competition.presence
        if self.mode == "multi":
            likely = presence.chances(logits - level[:, None])
            return LabelScores(likely.astype(np.float32), None)
        there = presence.chances(together(logits) - level)
        likely = there[:, None] * zero_shot.chances(logits)
        return LabelScores(likely.astype(np.float32), (1 - there).astype(np.float32))

    def cosines(self, rows: Embeddings) -> NDArray[np.float32]:
        """float32 (n, dim), unit-norm → cosines with the labels by words, float32 (n, labels)."""
        return np.asarray(rows @ self.words.T, np.float32)

    def top(
        self,
        likely: NDArray[np.float32],
        cosines: NDArray[np.float32],
        lowest: NDArray[np.float32],
        top: int | None,
    ) -> tuple[Label, ...]:
        """The `top` labels of one row by falling probability, without those below their lowest
        one. likely, cosines, lowest: (labels,)."""
        return zero_shot.top_labels(self.labels, likely, cosines, top, lowest)

    def branches(self, likely: NDArray[np.float32], top: int | None) -> tuple[Branch, ...]:
        """The `top` parents of labels by falling probability; none where each label is for itself,
        since the sum of its leaves is then no probability. likely: (labels,)."""
        return self.tree.branches(likely)[:top] if self.mode == "softmax" else ()
