"""The correction lowers pictures that resemble every text, and words more than sentences."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mmembed.search.hub_correction import LEAST, MOST, corrected, strength


def unit(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True), np.float32)


RNG = np.random.default_rng(3)
SHARED = np.array([5.0, 0, 0, 0, 0, 0, 0, 0])
TEXTS = unit(RNG.normal(size=(40, 8)) + SHARED)
"""They share a direction, as a model's texts do."""
PICTURES = unit(np.vstack([SHARED, RNG.normal(size=(60, 8))]))
"""The first is near every text."""


def test_words_are_corrected_more_than_sentences() -> None:
    strengths = [strength(tokens) for tokens in range(2, 80)]
    assert strengths == sorted(strengths, reverse=True)
    assert strength(3) == pytest.approx(MOST, abs=0.05)
    assert strength(16) == pytest.approx(LEAST, abs=0.01)
    assert strength(10**6) == pytest.approx(LEAST)


def test_a_text_ranks_by_its_cosine_less_the_mean_cosine_with_the_bank() -> None:
    [row] = corrected(TEXTS[:1], [3], TEXTS[1:].mean(axis=0))
    wanted = PICTURES @ TEXTS[0] - strength(3) * (PICTURES @ TEXTS[1:].T).mean(axis=1)
    assert PICTURES @ row == pytest.approx(wanted, abs=1e-6)
    assert row.dtype == np.float32


def test_no_picture_answers_everything() -> None:
    plain = (PICTURES @ TEXTS.T).argmax(axis=0)
    rows = corrected(TEXTS, [3] * len(TEXTS), TEXTS.mean(axis=0))
    fair = (PICTURES @ rows.T).argmax(axis=0)
    assert np.mean(plain == 0) > 0.7
    assert np.mean(fair == 0) < 0.3
    assert len(set(fair)) > 2 * len(set(plain))


def test_terms_that_are_no_texts_stay_as_they_are() -> None:
    rows = corrected(TEXTS[:2], [None, 3], TEXTS.mean(axis=0))
    assert np.array_equal(rows[0], TEXTS[0])
    assert not np.array_equal(rows[1], TEXTS[1])
