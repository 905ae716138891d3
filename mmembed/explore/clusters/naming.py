"""Names clusters by words of a bank of texts.

A word suits a cluster as far as it fits its pictures better than the rest of the collection, in
deviations of its cosines. That leaves out words that are near every picture.
Everyday words are wanted: of a bank's single words, those that its captions use, too. `dog` is
such a word; `Saluki` would be right more rarely.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmembed.cancellation import current_caller
from mmembed.search.bank.bank import Bank
from mmembed.types import Embeddings

USED = 2
"""Captions of the bank that use a word before it is an everyday word."""
CAPTION_WORDS = 3
"""A text of so many words is a caption."""
FEWEST_WORDS = 50
"""Everyday words; a bank that has fewer gives all its texts."""
ALSO = 2
"""Further words of a cluster."""
BEST_SHARE = 0.95
"""A name fits a picture if it fits better than this share of the words."""
LIKE = 0.7
"""Quantile of how alike each word is to its nearest other: from there on two words are too
alike to be the names of two clusters."""
LEAST_ALIKE = 0.3
"""Cosine of words, less their mean, below which no two are too alike."""
OWN = 0.1
"""Weight of how well a word fits the cluster itself, beside how much better than the rest: it
decides where there is no rest."""
SMALLEST = 1e-6
_WORD = re.compile(r"[^\W_]+")

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Name:
    """The name of a cluster."""

    text: str
    """A word. Where another cluster has that word, a second one follows: `dog, brown`."""
    also: tuple[str, ...]
    """Further words that fit."""
    sure: float
    """The share of the cluster's pictures that the word fits better than 95 % of all words do; 0 to
    1, as far as a sample of them says. Words are compared by how much better they fit than the rest
    of the collection; where the cluster is all of it, by their cosines."""


class Vocabulary:
    """Words that may be names, as one model embeds them."""

    def __init__(self, bank: Bank) -> None:
        places = _everyday(bank.texts)
        self.texts = [bank.texts[place] for place in places]
        self.embeddings = np.ascontiguousarray(bank.embeddings[places])
        centred = self.embeddings - self.embeddings.mean(axis=0)
        centred /= np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), SMALLEST)
        alike = centred @ centred.T
        np.fill_diagonal(alike, -1)
        self.too_alike = alike >= max(np.quantile(alike.max(axis=1), LIKE), LEAST_ALIKE)
        np.fill_diagonal(self.too_alike, True)


@dataclass(frozen=True)
class NamedClusters:
    """The pictures and clusters that are to be named."""

    vocabulary: Vocabulary
    sample: Embeddings
    """Pictures from all over the collection, float32 (n, dim), unit-norm."""
    means: Embeddings
    """The mean vector of each cluster, float32 (clusters, dim)."""
    members: Sequence[Embeddings]
    """Some pictures of each cluster, float32 (n, dim), unit-norm."""

    def names(self) -> list[Name]:
        """A name for each cluster, unlike all others. Raises Abandoned."""
        usual = self.sample @ self.vocabulary.embeddings.T
        mean = usual.mean(axis=0, dtype=np.float64)
        deviation = np.maximum(usual.std(axis=0, dtype=np.float64), SMALLEST)
        # Half-way to what all words have: a word that fits nothing has a small one by chance.
        spread = 2 / (1 / deviation + 1 / deviation.mean())
        fit = (self.means @ self.vocabulary.embeddings.T).astype(np.float64)
        own = fit - fit.mean(axis=1, keepdims=True)
        own /= np.maximum(own.std(axis=1, keepdims=True), SMALLEST)
        scores = (fit - mean) / spread + OWN * own
        chosen = chosen_words(scores, self.vocabulary.too_alike)
        return [
            self._name(words, pictures, mean, spread)
            for words, pictures in zip(chosen, self.members, strict=True)
        ]

    def _name(
        self, chosen: ChosenWords, pictures: Embeddings, mean: Floats, spread: Floats
    ) -> Name:
        current_caller().check()
        fits = (pictures @ self.vocabulary.embeddings.T).astype(np.float64)
        if len(self.members) > 1:  # else there is nothing that the cluster stands out from
            fits = (fits - mean) / spread
        better = (fits < fits[:, [chosen.name[0]]]).mean(axis=1)
        texts = self.vocabulary.texts
        return Name(
            ", ".join(texts[word] for word in chosen.name),
            tuple(texts[word] for word in chosen.also),
            round(float((better >= BEST_SHARE).mean()), 3),
        )


@dataclass(frozen=True)
class ChosenWords:
    """Places of the words of a cluster."""

    name: tuple[int, ...]
    """One; or two, of which another cluster has the first."""
    also: tuple[int, ...]


def chosen_words(scores: Floats, too_alike: NDArray[np.bool_]) -> list[ChosenWords]:
    """The words of each cluster. Of two clusters that want nearly the same word, the one that it
    suits better has it alone. The other has a second word beside it.

    scores: how well words suit clusters, (clusters, words). too_alike: (words, words).
    """
    names: dict[int, tuple[int, ...]] = {}
    second: dict[int, list[int]] = {}
    for cluster in np.argsort(-scores.max(axis=1), kind="stable").tolist():
        word = int(scores[cluster].argmax())
        taken = next((first for first in second if too_alike[first, word]), None)
        if taken is None:
            second[word] = []
            names[cluster] = (word,)
            continue
        other = _best(scores[cluster], too_alike, [*second, *second[taken]])
        if other is None:  # every word is a name already: names repeat
            names[cluster] = (taken,)
            continue
        second[taken].append(other)
        names[cluster] = (taken, other)
    return [
        ChosenWords(names[cluster], _further(scores[cluster], too_alike, names[cluster]))
        for cluster in range(len(scores))
    ]


def _further(scores: Floats, too_alike: NDArray[np.bool_], name: Sequence[int]) -> tuple[int, ...]:
    found: list[int] = []
    while len(found) < ALSO:
        word = _best(scores, too_alike, [*name, *found])
        if word is None:
            break
        found.append(word)
    return tuple(found)


def _best(scores: Floats, too_alike: NDArray[np.bool_], without: Sequence[int]) -> int | None:
    """The word that suits best and is unlike these; None if there is none."""
    left = ~too_alike[list(without)].any(axis=0)
    return int(np.where(left, scores, -np.inf).argmax()) if left.any() else None


def _everyday(texts: Sequence[str]) -> list[int]:
    """The places of the words that captions use; of all texts where there are few such words."""
    used = Counter(
        word
        for text in texts
        if len(words := _WORD.findall(text.lower())) >= CAPTION_WORDS
        for word in set(words)
    )
    places = [place for place, text in enumerate(texts) if used[text.lower()] >= USED]
    return places if len(places) >= FEWEST_WORDS else list(range(len(texts)))
