"""Figures whose answers are known by hand."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from mmembed.eval import metrics
from mmembed.eval.bootstrap import Difference, bootstrap, compare, resamples
from mmembed.eval.index_recall import overlap
from mmembed.eval.retrieval import find, statistics
from mmembed.eval.zero_shot_accuracy import answers


def rank(scores: list[list[float]], right: list[list[int]]) -> list[int]:
    found = metrics.best_ranks(np.array(scores, np.float32), np.array(right, bool))
    assert found.dtype == np.int64
    return [int(one) for one in found]


# -- ranks ---------------------------------------------------------------------------


def test_the_rank_is_one_more_than_how_many_are_better() -> None:
    scores = [[0.9, 0.5, 0.1], [0.9, 0.5, 0.1], [0.9, 0.5, 0.1]]
    assert rank(scores, [[1, 0, 0], [0, 1, 0], [0, 0, 1]]) == [1, 2, 3]


def test_ties_count_against() -> None:
    assert rank([[0.5, 0.5, 0.1]], [[1, 0, 0]]) == [2]
    assert rank([[0.5, 0.5 + 5e-7, 0.5 - 5e-7]], [[1, 0, 0]]) == [3]
    assert rank([[0.5, 0.5 - 1e-5, 0.5 - 1e-5]], [[1, 0, 0]]) == [1]


def test_of_several_right_ones_the_best_counts_and_none_hinders_it() -> None:
    assert rank([[0.9, 0.8, 0.7, 0.6]], [[0, 1, 0, 1]]) == [2]
    assert rank([[0.9, 0.9, 0.9, 0.1]], [[1, 1, 1, 0]]) == [1]
    assert rank([[0.9, 0.9, 0.9, 0.9]], [[1, 1, 0, 0]]) == [3]


def test_recall_counts_ranks() -> None:
    ranks = np.array([1, 2, 5, 11])
    assert [metrics.recall_at_k(ranks, k) for k in (1, 5, 10)] == [0.25, 0.75, 0.75]
    assert metrics.recall_at_k(ranks, 1, np.array([3.0, 1, 0, 0])) == 0.75


@pytest.mark.parametrize("ranks", [[7], [1, 2], [3, 1, 2], [4, 1, 3, 2], [1, 1, 1, 9]])
def test_the_median_is_numpys(ranks: list[int]) -> None:
    assert metrics.median_rank(np.array(ranks)) == np.median(ranks)


def test_the_median_counts_weights() -> None:
    ranks = np.array([1, 5, 9])
    assert metrics.median_rank(ranks, np.array([0.0, 0, 2])) == 9
    assert metrics.median_rank(ranks, np.array([2.0, 0, 2])) == 5
    assert metrics.median_rank(ranks, np.array([3.0, 1, 1])) == 1


def test_a_large_class_counts_no_more_than_a_small_one() -> None:
    correct = np.array([1, 1, 1, 0], bool)
    classes = np.array([0, 0, 0, 1])
    assert metrics.share(correct) == 0.75
    assert metrics.mean_class_accuracy(correct, classes) == 0.5
    assert metrics.mean_class_accuracy(correct, classes, np.array([1.0, 1, 1, 0])) == 1


# -- calibration ---------------------------------------------------------------------


def ece(confidence: list[float], correct: list[int]) -> float:
    return metrics.expected_calibration_error(
        np.array(confidence, np.float32), np.array(correct, bool)
    )


def test_calibrated_answers_have_no_error() -> None:
    assert ece([0.75] * 4 + [0.5] * 2, [1, 1, 1, 0, 1, 0]) == pytest.approx(0)
    assert ece([1.0, 1.0], [1, 1]) == 0


def test_overconfidence_is_the_gap() -> None:
    assert ece([1.0] * 4, [1, 0, 0, 0]) == pytest.approx(0.75)
    assert ece([0.9] * 10, [1] * 6 + [0] * 4) == pytest.approx(0.3)
    # Two bins: |0.5 − 0.9| for two of four, |1 − 0.6| for the others.
    assert ece([0.9, 0.9, 0.6, 0.6], [1, 0, 1, 1]) == pytest.approx(0.4)


def test_errors_of_one_bin_cancel_and_those_of_two_do_not() -> None:
    assert ece([0.68, 0.72], [1, 0]) == pytest.approx(abs(1 - 1.4) / 2), "both in (10/15, 11/15]"
    assert ece([0.55, 0.72], [1, 0]) == pytest.approx(0.45 / 2 + 0.72 / 2)


def test_calibration_counts_weights() -> None:
    found = metrics.expected_calibration_error(
        np.array([0.5, 0.9], np.float32), np.array([True, False]), weights=np.array([1.0, 3.0])
    )
    assert found == pytest.approx(0.25 * 0.5 + 0.75 * 0.9)


# -- zero-shot -----------------------------------------------------------------------


def test_answers_of_a_model_that_is_half_right() -> None:
    labels = np.eye(3, dtype=np.float32)
    images = np.array([[1, 0, 0], [0.6, 0.8, 0]], np.float32)
    found = answers(images, labels, np.array([0, 0]), logit_scale=np.log(4) / 0.2)
    assert found.ranks.tolist() == [1, 2]
    assert found.correct.tolist() == [True, False]
    assert found.rivals.tolist()[1] == 1, "what the image is taken for"
    # Logits are 4 to the power of 3 and 4, and 1.
    assert found.confidence[1] == pytest.approx(256 / (256 + 64 + 1), abs=1e-5)


def test_a_constant_model_recognises_nothing() -> None:
    images = np.tile(np.array([0.6, 0.8], np.float32), (4, 1))
    labels = np.tile(np.array([0.6, 0.8], np.float32), (7, 1))
    found = answers(images, labels, np.array([0, 1, 2, 3]), logit_scale=100)
    assert metrics.recall_at_k(found.ranks, 5) == 0


# -- retrieval -----------------------------------------------------------------------


def test_retrieval_by_hand() -> None:
    """Three images, the second with two captions, of which one is of another picture."""
    images = np.eye(3, dtype=np.float32)
    texts = np.array([[1, 0, 0], [0, 1, 0], [0.8, 0.6, 0], [0, 0.8, 0.6]], np.float32)
    owners = np.array([0, 1, 1, 2])
    found = find(images, texts, owners)
    assert found.of_texts.tolist() == [1, 1, 2, 2]
    # The second finds its first caption; the third's only one is nearest to it, though it is
    # nearer to the second.
    assert found.of_images.tolist() == [1, 1, 1]
    figures = {name: measure(np.ones(3)) for name, measure in statistics(found).items()}
    assert figures == {
        "text_to_image_recall_at_1": 0.5,
        "text_to_image_median_rank": 1.5,
        "image_to_text_recall_at_1": 1.0,
        "image_to_text_median_rank": 1.0,
    }, "recall among as many as there are is left out"


def test_an_image_brings_all_its_captions_into_a_resample() -> None:
    images = np.eye(2, dtype=np.float32)
    texts = np.array([[1, 0], [1, 0], [1, 0], [1, 0]], np.float32)
    found = find(images, texts, np.array([0, 0, 0, 1]))
    recall = statistics(found)["text_to_image_recall_at_1"]
    assert recall(np.array([1.0, 1.0])) == 0.75
    assert recall(np.array([2.0, 0.0])) == 1
    assert recall(np.array([1.0, 3.0])) == 0.5


def test_a_constant_model_finds_nothing() -> None:
    images, texts = (np.array([[0.6, 0.8]] * n, np.float32) for n in (20, 40))
    found = find(images, texts, np.repeat(np.arange(20), 2))
    assert found.of_texts.tolist() == [20] * 40
    assert found.of_images.tolist() == [39] * 20, "its own captions do not hinder each other"
    for name, measure in statistics(found).items():
        assert measure(np.ones(20)) == 0 or "median" in name


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    images, texts = (generator.normal(size=(n, 8)).astype(np.float32) for n in (30, 70))
    owners = np.sort(np.concatenate([np.arange(30), generator.integers(0, 30, 40)]))
    whole = find(images, texts, owners)
    monkeypatch.setattr("mmembed.eval.retrieval.PAIRS_AT_ONCE", 100)
    parts = find(images, texts, owners)
    assert parts.of_texts.tolist() == whole.of_texts.tolist()
    assert parts.of_images.tolist() == whole.of_images.tolist()


# -- index ---------------------------------------------------------------------------


def test_recall_of_an_index_is_by_score() -> None:
    truth = np.array([0.9, 0.8, 0.7, 0.7])
    assert overlap(np.array([0.9, 0.8, 0.7, 0.7]), truth) == 1
    assert overlap(np.array([0.9, 0.7, 0.6, 0.5]), truth) == 0.5
    assert overlap(np.array([0.9]), truth) == 0.25


# -- bootstrap -----------------------------------------------------------------------


def test_resamples_draw_as_many_as_there_are_and_are_the_same_again() -> None:
    first = list(resamples(50, count=20))
    assert all(weights.sum() == 50 for weights in first)
    assert all((a == b).all() for a, b in zip(first, resamples(50, count=20), strict=True))
    assert any((a != b).any() for a, b in zip(first, resamples(50, count=20, seed=1), strict=True))


def test_the_interval_of_a_share_is_about_two_standard_errors() -> None:
    hits = np.arange(400) < 300
    found = bootstrap({"share": partial(metrics.share, hits)}, 400)["share"]
    assert found.value == 0.75
    error = 1.96 * (0.75 * 0.25 / 400) ** 0.5
    assert found.low == pytest.approx(0.75 - error, abs=0.01)
    assert found.high == pytest.approx(0.75 + error, abs=0.01)
    assert bootstrap({"share": partial(metrics.share, hits)}, 400)["share"] == found


def test_a_model_does_not_differ_from_itself() -> None:
    hits = np.random.default_rng(0).random(100) < 0.5
    found = compare({"a": partial(metrics.share, hits)}, {"a": partial(metrics.share, hits)}, 100)
    assert found == {"a": Difference(0, 0, 0)}
    assert not found["a"].excludes_zero


@pytest.mark.slow
def test_pairing_shows_what_two_separate_intervals_would_hide() -> None:
    generator = np.random.default_rng(0)
    theirs = generator.random(200) < 0.5
    ours = theirs | (generator.random(200) < 0.1)
    first, second = ({"a": partial(metrics.share, hits)} for hits in (ours, theirs))
    apart = [bootstrap(one, 200)["a"] for one in (first, second)]
    assert apart[0].low is not None
    assert apart[1].high is not None
    assert apart[0].low < apart[1].high, "they overlap"
    paired = compare(first, second, 200)["a"]
    assert paired.value == pytest.approx(ours.mean() - theirs.mean())
    assert paired.excludes_zero
    assert compare(second, first, 200)["a"].high < 0
