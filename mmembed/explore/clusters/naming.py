"""Names clusters by words of a vocabulary: the words that fit a cluster better than other words do,
and better than they fit the other pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmembed.cancellation import current_caller
from mmembed.search.bank.bank import Bank
from mmembed.types import Embeddings

MOST_WORDS = 2
"""Of a name; longer texts of a bank are captions of single pictures."""
ALSO = 2
"""Further words of a cluster."""
COMPARED = 1024
"""Words that a name is compared with at a picture."""
LOOKED_AT = 48
"""Pictures of a cluster at which its name is judged."""
BEST_SHARE = 0.95
"""A name fits a picture if it fits better than this share of the words."""
LIKE = 0.9
"""Quantile of how alike each word is to its nearest other: from there on two words are too
alike to be the names of two clusters."""
OWN = 0.5
"""Weight of how well words fit the cluster itself, beside how much better than the rest."""


@dataclass(frozen=True)
class Name:
    """The name of a cluster."""

    text: str
    also: tuple[str, ...]
    """Further words that fit, unlike the name and each other."""
    sure: float
    """The share of the cluster's pictures that the name fits better than 95 % of all words do; 0 to
    1, as far as a sample of them says."""


class Vocabulary:
    """Words that may be names, as one model embeds them."""

    def __init__(self, bank: Bank) -> None:
        """The texts of up to MOST_WORDS words; all of a bank that has few such texts."""
        short = np.array([len(text.split()) <= MOST_WORDS for text in bank.texts])
        chosen = short if 10 * short.sum() >= len(short) else np.ones(len(short), bool)
        self.texts = [text for text, yes in zip(bank.texts, chosen, strict=True) if yes]
        self.embeddings = np.ascontiguousarray(bank.embeddings[chosen])
        alike = self.embeddings @ self.embeddings.T
        np.fill_diagonal(alike, -1)
        self._too_alike = alike >= np.quantile(alike.max(axis=1), LIKE)
        np.fill_diagonal(self._too_alike, True)

    def scores(self, means: Embeddings, sample: Embeddings) -> NDArray[np.float64]:
        """How well each word suits each cluster: (clusters, words).

        means: the mean vector of each cluster, float32 (clusters, dim). sample: pictures from all
        over the collection, float32 (n, dim), unit-norm.
        """
        usual = sample @ self.embeddings.T
        fit = (means @ self.embeddings.T).astype(np.float64)
        contrast = (fit - usual.mean(axis=0)) / np.maximum(usual.std(axis=0), 1e-6)
        own = fit - fit.mean(axis=1, keepdims=True)
        own /= np.maximum(own.std(axis=1, keepdims=True), 1e-6)
        return np.asarray(contrast + OWN * own)

    def choose(self, scores: NDArray[np.float64]) -> list[list[int]]:
        """For each cluster the place of its name, and those of its further words. No two names are
        alike: of clusters that want the same, the one with the higher score has it."""
        names: dict[int, int] = {}
        free = np.ones(scores.shape, bool)
        while len(names) < len(scores):
            cluster, word = np.unravel_index(
                int(np.where(free, scores, -np.inf).argmax()), scores.shape
            )
            names[int(cluster)] = int(word)
            free[cluster] = False
            free[:, self._too_alike[word]] = False
            if not free.any():
                break
        taken = list(names.values())
        return [
            self._with_others(scores[cluster], names.get(cluster), taken)
            for cluster in range(len(scores))
        ]

    def _with_others(
        self, scores: NDArray[np.float64], name: int | None, taken: Sequence[int]
    ) -> list[int]:
        if name is None:
            return []
        chosen = [name]
        left = ~self._too_alike[name]
        left[list(taken)] = False
        while len(chosen) <= ALSO and left.any():
            word = int(np.where(left, scores, -np.inf).argmax())
            chosen.append(word)
            left &= ~self._too_alike[word]
        return chosen

    def sure(self, word: int, pictures: Embeddings) -> float:
        """The share of pictures, float32 (n, dim), unit-norm, that a word fits better than most
        words do."""
        step = -(-len(self.texts) // COMPARED)
        others = pictures @ self.embeddings[::step].T
        own = pictures @ self.embeddings[word]
        better = (others < own[:, None]).mean(axis=1)
        return float((better >= BEST_SHARE).mean())


def names_of(
    vocabulary: Vocabulary,
    means: Embeddings,
    members: Sequence[Embeddings],
    sample: Embeddings,
) -> list[Name | None]:
    """A name for each cluster; None where no word is left that is unlike the others' names.

    members: some pictures of each cluster, float32 (n, dim), unit-norm. Raises Abandoned.
    """
    names: list[Name | None] = []
    chosen = vocabulary.choose(vocabulary.scores(means, sample))
    for words, pictures in zip(chosen, members, strict=True):
        current_caller().check()
        if not words:
            names.append(None)
            continue
        text, *also = (vocabulary.texts[word] for word in words)
        names.append(Name(text, tuple(also), round(vocabulary.sure(words[0], pictures), 3)))
    return names
