"""What is learned of labelled pictures finds others like them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from mmembed.search.hub_correction import corrected
from mmembed.types import Embeddings
from training.learned_words import FEWEST, Labelled, Texts, learn, words_of_captions

DIM = 16
RNG = np.random.default_rng(5)
WORDS = [f"word{number}" for number in range(6)]
LOOKS = RNG.normal(size=(len(WORDS), DIM))
"""Where pictures with a word lie; the words themselves lie elsewhere."""


def unit(rows: NDArray[np.float64]) -> Embeddings:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


PLACES = dict(zip(WORDS, unit(RNG.normal(size=(len(WORDS), DIM)) + 1), strict=True))


def embed(texts: Sequence[str]) -> Embeddings:
    elsewhere = unit(RNG.normal(size=(len(texts), DIM)) + 1)
    return np.stack([PLACES.get(text, row) for text, row in zip(texts, elsewhere, strict=True)])


def pictures(shown: Sequence[int]) -> Embeddings:
    return unit(np.stack([LOOKS[word] + RNG.normal(size=DIM) for word in shown]))


def test_words_find_new_pictures_after_lessons() -> None:
    shown = [row % len(WORDS) for row in range(240)]
    members = {word: [r for r, s in enumerate(shown) if s == i] for i, word in enumerate(WORDS)}
    texts = Texts(embed, lambda text: 3)
    words, learned = learn([Labelled(pictures(shown), members)], texts)
    assert words == WORDS
    new, rows, mean = pictures(shown), embed(WORDS), texts.words_mean()
    right = []
    for known in (None, learned):
        ranking = corrected(rows, [3] * len(WORDS), mean, known) @ new.T
        top = np.argsort(-ranking, axis=1)[:, :12]
        right.append(np.mean([shown[row] == word for word in range(6) for row in top[word]]))
    assert right[0] < 0.3
    assert right[1] > right[0] + 0.3


def test_words_of_captions_count_pictures_and_both_numbers() -> None:
    told = [["A dog runs .", "Two dogs and a frisbee"]] * FEWEST + [["a cat on the beach"]]
    members = words_of_captions(told)
    assert members["dog"] == members["dogs"] == list(range(FEWEST))
    assert members["frisbee"] == list(range(FEWEST))
    assert not {"cat", "beach", "the", "and", "two"} & set(members)
    assert words_of_captions([]) == {}


@pytest.mark.parametrize("weight", [0.5, 2.0])
def test_a_set_that_weighs_more_is_followed_more(weight: float) -> None:
    members = {word: list(range(i * 5, i * 5 + 5)) for i, word in enumerate(WORDS)}
    some = pictures([row // 5 for row in range(30)])
    texts = Texts(embed, lambda text: 3)
    lengths = [
        float(np.linalg.norm(learn([Labelled(some, members, each)], texts)[1].shifts))
        for each in (weight, 2 * weight)
    ]
    assert lengths[0] < lengths[1]
