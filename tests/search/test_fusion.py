"""Values of images by picture, caption and words, and their order."""

from __future__ import annotations

import numpy as np
import pytest

from mmembed.search.fusion import (
    FEWEST,
    HAS_CAPTION,
    HAS_TAGS,
    LEAST_OF_WORDS,
    MOST_BY_CHANCE,
    Parts,
    against_captions,
    caption_parts,
    deviations,
    word_parts,
)
from mmembed.store.entries import RankedImages, WordMatches
from mmembed.types import Background

NAN = float("nan")


def parts(*rows: tuple[int, float, float, float, bool]) -> Parts:
    """Of images: id, picture, caption, words, tagged."""
    ids, picture, caption, words, tagged = (np.array(column) for column in zip(*rows, strict=True))
    return Parts(ids, picture, caption, words, tagged)


def matches(scores: dict[int, float], attainable: float) -> WordMatches:
    ids = np.array(list(scores), dtype=np.int64)
    words = tuple(("dog",) for _ in scores)
    return WordMatches(ids, np.array(list(scores.values())), words, attainable, complete=True)


def test_a_caption_that_does_not_match_counts_against_its_image() -> None:
    found = parts((1, 2.0, NAN, 0.0, False), (2, 2.0, 0.0, 0.0, False), (3, 2.0, 4.0, 1.0, False))
    assert found.order() == [3, 1, 2]
    assert found.values()[1] == pytest.approx(0.7 * 2 - HAS_CAPTION)


def test_a_tag_counts_against_its_image_a_little_and_words_for_it() -> None:
    found = parts((1, 2.0, NAN, 0.0, True), (2, 2.0, NAN, 0.0, False), (3, 2.0, NAN, 0.5, True))
    assert found.order() == [3, 2, 1]
    assert found.values().tolist() == pytest.approx([2 - HAS_TAGS, 2, 3 - HAS_TAGS])


def test_equal_values_lie_by_rising_id() -> None:
    assert parts(*((n, 1.0, NAN, 0.0, False) for n in (3, 1, 2))).order() == [1, 2, 3]


def test_without_captions_and_words_the_picture_decides() -> None:
    chance = np.random.default_rng(0).normal(size=50)
    found = parts(*((n, float(z), NAN, 0.0, False) for n, z in enumerate(chance)))
    assert found.order() == np.argsort(-chance).tolist()


def test_the_best_match_of_words_is_1_unless_it_lacks_most_of_the_query() -> None:
    ids = np.array([1, 2, 3])
    assert word_parts(ids, matches({1: 4.0, 2: 1.0}, 8.0)).tolist() == [1, 0.25, 0]
    few = word_parts(ids, matches({1: 1.0}, 10.0))
    assert few[0] == pytest.approx(1 / (LEAST_OF_WORDS * 10))
    assert word_parts(ids, matches({}, 0.0)).tolist() == [0, 0, 0]


def test_a_caption_beyond_the_nearest_counts_half_of_the_last() -> None:
    nearest = RankedImages(np.array([1, 2]), np.array([0.9, 0.7]), complete=False)
    found = caption_parts(np.array([1, 2, 3, 4]), {1, 2, 3}, nearest, Background(0.5, 0.1))
    assert found[:3].tolist() == pytest.approx([4, 2, 1])
    assert np.isnan(found[3])


def test_where_all_cosines_are_alike_none_counts() -> None:
    assert deviations(np.array([0.5, 0.6]), Background(0.5, 0.0)).tolist() == [0, 0]


def many(captioned: int, caption: float) -> Parts:
    """Images with captions that match so well, and as many without; all of the same pictures."""
    return parts(
        *((n, 1.0, caption if n < captioned else NAN, 0.0, False) for n in range(2 * captioned))
    )


def test_captions_that_match_by_chance_do_not_bury_the_other_images() -> None:
    everything = np.arange(2 * FEWEST)
    assert against_captions(many(FEWEST, 3.0), everything, covered=0.5) == HAS_CAPTION
    found = many(FEWEST, 4.0)  # 0.7 + 0.65 * 4 is 0.3 more than HAS_CAPTION above the picture
    assert against_captions(found, everything, covered=0.5) == pytest.approx(HAS_CAPTION + 0.3)
    better = many(FEWEST, 40.0)
    assert against_captions(better, everything, covered=0.5) == HAS_CAPTION + MOST_BY_CHANCE


def test_captions_with_all_words_of_the_query_match_by_no_chance() -> None:
    everything = np.arange(2 * FEWEST)
    assert against_captions(many(FEWEST, 40.0), everything, covered=0.95) == HAS_CAPTION
    assert against_captions(many(FEWEST - 1, 40.0), everything, covered=0.5) == HAS_CAPTION


def test_images_with_captions_beyond_the_nearest_are_no_nearer_than_the_last() -> None:
    found = many(FEWEST, 4.0)
    without = np.arange(FEWEST, 2 * FEWEST)
    assert against_captions(found, without, covered=0.5) == pytest.approx(HAS_CAPTION + 0.3)
