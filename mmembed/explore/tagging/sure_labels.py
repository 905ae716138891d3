"""The labels that are sure enough, for many pictures at a time.

The probabilities are those of `classify`, but for one thing: a label that is for itself applies to
few of a collection's pictures. Of a million pictures and a thousand labels few pairs are
sure enough: the bound on the probability becomes one on the logits, and only the pairs above it are
computed to the end.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmembed.classify.label_scorer import LabelScorer
from mmembed.classify.rivals import LogisticRule, together
from mmembed.types import Embeddings

SHARE = 0.05
"""Of the pictures, that a label applies to where nothing else is known. Classification of one
picture by labels that someone asks for takes a half."""
SCORES_AT_ONCE = 10_000_000
"""Pictures × labels whose scores are in memory: 40 MB of each thread, and some copies."""
TRAINED = LogisticRule(1.0, 0.0)
"""How the logits of models that were trained with a sigmoid become probabilities."""


@dataclass(frozen=True, eq=False)
class SurePairs:
    """Pictures with labels that are sure enough, in the order of the pictures."""

    rows: NDArray[np.int64]
    """(k,): positions of the pictures."""
    labels: NDArray[np.int64]
    """(k,): positions of the labels."""
    scores: NDArray[np.float32]
    """(k,): probabilities."""


class SureLabels:
    """Labels, ready to be compared with many pictures."""

    def __init__(self, scorer: LabelScorer) -> None:
        self._scorer = scorer
        self._weights = np.ascontiguousarray(scorer.weights, np.float32)
        self._bias = scorer.bias.astype(np.float32)

    def pairs(self, pictures: Embeddings, least: float) -> SurePairs:
        """The pairs with a probability of at least `least`, within (0, 1). pictures: float32
        (n, dim), unit-norm."""
        step = max(1, SCORES_AT_ONCE // len(self._bias))
        parts = [
            (start, self._pairs(pictures[start : start + step], least))
            for start in range(0, len(pictures), step)
        ] or [(0, self._pairs(pictures, least))]
        return SurePairs(
            np.concatenate([start + part.rows for start, part in parts]),
            np.concatenate([part.labels for _, part in parts]),
            np.concatenate([part.scores for _, part in parts]),
        )

    def _pairs(self, pictures: Embeddings, least: float) -> SurePairs:
        logits = pictures @ self._weights
        logits += self._bias
        competition = self._scorer.competition
        if self._scorer.mode == "softmax":
            there = np.ones(len(pictures), np.float32)
            if competition is not None:
                evidence = together(logits.astype(np.float64)) - competition.rivals.level(pictures)
                there = competition.presence.chances(evidence).astype(np.float32)
            return _shares(logits, there, least)
        level, presence = np.zeros(len(pictures)), TRAINED
        if competition is not None:
            level, presence = competition.rivals.level(pictures), rarer(competition.presence)
        return _above(logits, level.astype(np.float32), presence, least)


def rarer(rule: LogisticRule) -> LogisticRule:
    """A rule for labels of which each applies to few pictures."""
    return LogisticRule(rule.slope, rule.offset + math.log(SHARE / (1 - SHARE)))


def _shares(logits: NDArray[np.float32], there: NDArray[np.float32], least: float) -> SurePairs:
    """Of labels that compete. there: (n,), the probability that any of them is there."""
    logits -= logits.max(axis=1, keepdims=True)
    powers = np.exp(logits, out=logits)
    shares = there / powers.sum(axis=1)
    rows, labels = np.nonzero(powers * shares[:, None] >= np.float32(least))
    return SurePairs(rows, labels, powers[rows, labels] * shares[rows])


def _above(
    logits: NDArray[np.float32], level: NDArray[np.float32], presence: LogisticRule, least: float
) -> SurePairs:
    """Of labels each for itself. level: (n,), of the texts that compete with each."""
    bound = (math.log(least / (1 - least)) - presence.offset) / presence.slope
    rows, labels = np.nonzero(logits >= (level + np.float32(bound))[:, None])
    evidence = (logits[rows, labels] - level[rows]).astype(np.float64)
    return SurePairs(rows, labels, presence.chances(evidence).astype(np.float32))


def best_of_each(pairs: SurePairs, most: int) -> SurePairs:
    """At most so many labels of each picture, the surest ones."""
    counts = np.bincount(pairs.rows)
    if not len(counts) or counts.max() <= most:
        return pairs
    order = np.lexsort((pairs.labels, -pairs.scores, pairs.rows))
    begins = np.cumsum(counts) - counts
    places = np.arange(len(order)) - begins[pairs.rows[order]]
    kept = np.sort(order[places < most])
    return SurePairs(pairs.rows[kept], pairs.labels[kept], pairs.scores[kept])
