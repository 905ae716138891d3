"""Thresholds give so many right tags as were asked for, and none where nothing is sure enough."""

from __future__ import annotations

import numpy as np
import pytest

from mmembed.classify.label_paths import LabelTree
from mmembed.classify.label_scorer import Competition, LabelScorer
from mmembed.classify.rivals import LogisticRule, Rivals
from mmembed.classify.zero_shot import Mode
from mmembed.explore.tagging import sure_labels
from mmembed.explore.tagging.sure_labels import SHARE, SureLabels, SurePairs, best_of_each
from mmembed.explore.tagging.thresholds import assumed_threshold, learned_threshold
from mmembed.types import Embeddings


def unit(rows: object) -> Embeddings:
    wide = np.asarray(rows, np.float32)
    return np.asarray(wide / np.linalg.norm(wide, axis=1, keepdims=True), np.float32)


def floats(*values: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.array(values, np.float32)


def test_scores_are_taken_for_probabilities() -> None:
    threshold = assumed_threshold(floats(0.5, 1.0, 0.8, 0.9), 0.9)
    assert threshold.least == pytest.approx(0.8)
    assert threshold.precision == pytest.approx(0.9)
    assert assumed_threshold(floats(0.89, 0.2), 0.9).least is None
    assert assumed_threshold(floats(), 0.9).least is None


def test_the_expected_precision_is_that_of_all_tags() -> None:
    threshold = assumed_threshold(floats(0.95, 0.8, 0.8, 0.8), 0.85)
    assert threshold.least == pytest.approx(0.8)
    assert threshold.precision == pytest.approx(0.8375)


def test_a_threshold_is_learned_from_examples() -> None:
    scores = np.linspace(1, 0, 101, dtype=np.float32)
    right = scores > 0.5
    threshold = learned_threshold(scores, right, 0.9, int(right.sum()))
    assert threshold.basis == "examples"
    assert threshold.precision is not None
    assert threshold.precision >= 0.9
    assert 0.4 < (threshold.least or 0) < 0.5
    assert learned_threshold(scores[:5], right[:5], 0.9, 5).least is None  # too few prove little


def scorer(mode: Mode, rivals: int = 0) -> LabelScorer:
    """Seven random labels, against so many random texts."""
    generator = np.random.default_rng(0)
    labels = tuple(f"label {n}" for n in range(7))
    words = unit(generator.normal(size=(7, 16)))
    texts = unit(generator.normal(size=(max(rivals, 1), 16)))
    competition = (
        Competition(Rivals.of(texts, words, 8.0), LogisticRule(0.7, -1.5)) if rivals else None
    )
    weights, bias = 8.0 * words.T.astype(np.float64), generator.normal(size=7)
    return LabelScorer(labels, LabelTree.of(labels), words, weights, bias, mode, competition)


@pytest.mark.parametrize(
    ("mode", "rivals"), [("softmax", 0), ("softmax", 40), ("multi", 40), ("sigmoid", 0)]
)
def test_sure_pairs_have_the_probabilities_of_classification(mode: Mode, rivals: int) -> None:
    pictures = unit(np.random.default_rng(1).normal(size=(50, 16)))
    scored = scorer(mode, rivals)
    likely = scored.scores(pictures).likely
    if mode == "multi":  # each label applies to few pictures
        odds = SHARE / (1 - SHARE) * likely / (1 - likely)
        likely = odds / (1 + odds)
    least = float(np.quantile(likely, 0.8))
    pairs = SureLabels(scored).pairs(pictures, least)
    assert np.allclose(pairs.scores, likely[pairs.rows, pairs.labels], atol=1e-5)
    assert abs(len(pairs.rows) - 70) <= 1
    assert pairs.rows.tolist() == sorted(pairs.rows.tolist())


def test_many_labels_are_compared_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures, scored = unit(np.random.default_rng(1).normal(size=(50, 16))), scorer("multi", 40)
    whole = SureLabels(scored).pairs(pictures, 0.01)
    monkeypatch.setattr(sure_labels, "SCORES_AT_ONCE", 21)
    parts = SureLabels(scored).pairs(pictures, 0.01)
    assert (parts.rows.tolist(), parts.labels.tolist()) == (
        whole.rows.tolist(), whole.labels.tolist(),
    )  # fmt: skip
    assert np.allclose(parts.scores, whole.scores)
    assert len(SureLabels(scored).pairs(pictures[:0], 0.01).rows) == 0


def test_a_picture_has_only_its_surest_labels() -> None:
    pairs = SurePairs(np.array([0, 2, 2, 2]), np.array([5, 1, 2, 3]), floats(0.5, 0.7, 0.9, 0.8))
    best = best_of_each(pairs, 2)
    assert (best.rows.tolist(), best.labels.tolist()) == ([0, 2, 2], [5, 2, 3])
    assert best_of_each(pairs, 3) is pairs
