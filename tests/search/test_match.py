"""The match of words says yes or no where the strengths at the pictures leave little doubt."""

from __future__ import annotations

import numpy as np
import pytest

from mmembed.search.match import JUDGED, match_of_words, strength_of_words
from mmembed.search.text_fit import Floats

NOTHING = np.empty(0)


def strengths(value: float, count: int) -> Floats:
    return np.full(count, value)


def test_the_strength_is_that_of_all_pictures_where_all_are_alike() -> None:
    hits, sample = strengths(1.5, 0), strengths(1.5, 500)
    assert strength_of_words(hits, sample, 500) == pytest.approx(1.5)


def test_a_few_pictures_that_fit_weigh_more_than_many_that_do_not() -> None:
    sample = np.append(strengths(-2.0, 495), strengths(2.5, 5))
    assert -1 < strength_of_words(NOTHING, sample, 500) < 2.5
    assert strength_of_words(NOTHING, sample, 500) > strength_of_words(NOTHING, sample[:-1], 499)


def test_pictures_outside_the_sample_count_if_they_are_hits() -> None:
    sample = strengths(-1.0, 1000)
    assert match_of_words(strengths(-1.0, JUDGED), sample, 8000) != "yes"
    assert match_of_words(strengths(4.0, JUDGED), sample, 8000) == "yes"


def test_strong_words_match_and_weak_ones_do_not() -> None:
    said = [match_of_words(strengths(s, JUDGED), strengths(s, 1000), 1000) for s in (1.5, 0, -2)]
    assert said == ["yes", "unsure", "no"]
    assert match_of_words(NOTHING, strengths(1, 1000), 1000) is None


def test_few_pictures_ask_for_more_strength() -> None:
    hits, sample = strengths(1.3, JUDGED), strengths(1.3, 300)
    assert match_of_words(hits, sample, 300) == "yes"
    assert match_of_words(hits, sample, 30) == "unsure"


def test_among_more_pictures_less_is_called_absent() -> None:
    hits, sample = strengths(-0.8, JUDGED), strengths(-0.8, 1000)
    assert match_of_words(hits, sample, 300) == "no"
    assert match_of_words(hits, sample, 8000) == "unsure"


def test_where_only_some_are_searched_both_sides_are_careful() -> None:
    said = [match_of_words(strengths(s, JUDGED), NOTHING, 1000) for s in (4, 1, -1, -2)]
    assert said == ["yes", "unsure", "unsure", "no"]


def test_figures_without_measure_are_no_error() -> None:
    """A model that tells no text from another has strengths of any size."""
    assert match_of_words(strengths(1e9, 5), strengths(-1e9, 9), 9) == "yes"
