"""BM25, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mmembed.store.words.bm25 import Asked, AskedWord, Candidate, idf, rank_words


def asked(*words: str, prefix: bool = False) -> Asked:
    terms = [AskedWord(word, word) for word in words]
    terms[-1] = terms[-1]._replace(is_prefix=prefix)
    return Asked(tuple(terms), np.array([1.0, 2.0, 4.0][: len(words)]))


def ranked(query: Asked, *texts: str) -> dict[int, float]:
    candidates = [Candidate(n, text, len(text.split())) for n, text in enumerate(texts)]
    stems = {word: word for text in texts for word in text.split()}
    ids, scores, _ = rank_words(query, candidates, stems, 2.0)
    return dict(zip(ids.tolist(), scores.tolist(), strict=True))


def test_rare_words_weigh_more_and_no_word_less_than_nothing() -> None:
    assert idf(1, 100) > idf(50, 100) > idf(100, 100) > 0
    assert idf(0, 0) > 0
    assert idf(1, 3) == pytest.approx(math.log(1 + 2.5 / 1.5))


def test_a_word_of_an_image_of_mean_length_scores_its_weight() -> None:
    assert ranked(asked("dog", "cat"), "dog x", "cat x", "x y") == pytest.approx({1: 2, 0: 1})


def test_more_often_is_more_and_longer_is_less() -> None:
    found = ranked(asked("dog"), "dog x", "dog dog", "dog x y z")
    assert found[1] == pytest.approx(2 * 2.2 / 3.2)
    assert found[2] == pytest.approx(2.2 / (1 + 1.2 * (0.25 + 0.75 * 2)))
    assert list(found) == [1, 0, 2]


def test_a_prefix_stands_for_all_words_that_begin_with_it() -> None:
    assert ranked(asked("x", "do", prefix=True), "dog y", "door y", "odd y") == pytest.approx(
        {0: 2, 1: 2}
    )
