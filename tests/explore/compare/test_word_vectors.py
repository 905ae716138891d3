"""Texts as vectors of their words."""

from __future__ import annotations

import numpy as np
import pytest

from mmembed.explore.compare.word_vectors import bag_of_words, cosines, one_hot, tf_idf, words_of


def test_words_lose_case_and_signs() -> None:
    assert words_of("A dog-and-cat: 3 Dogs, ÉTÉ!") == ["a", "dog", "and", "cat", "3", "dogs", "été"]
    assert words_of("?! _") == []


def test_a_bag_counts_and_one_hot_does_not() -> None:
    bag = bag_of_words(["a dog a dog", "a cat", ""])
    assert bag.tolist() == [[2, 2, 0], [1, 0, 1], [0, 0, 0]]
    assert one_hot(bag).tolist() == [[1, 1, 0], [1, 0, 1], [0, 0, 0]]


def test_rare_words_weigh_more() -> None:
    weights = tf_idf(bag_of_words(["a dog", "a cat", "a cow"]))
    assert weights[0, 0] == pytest.approx(1)  # in every text
    assert weights[0, 1] == pytest.approx(np.log(4 / 2) + 1)


def test_texts_without_words_resemble_nothing() -> None:
    alike = cosines(bag_of_words(["!", "a dog", "dog a"]))
    assert alike[0].tolist() == [0, 0, 0]
    assert alike[1, 2] == pytest.approx(1)
