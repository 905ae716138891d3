"""Examples teach what words do not say, and nothing where they say nothing new."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mmembed.classify import few_shot
from mmembed.classify.few_shot import PENALTIES, Examples, LearnedLabels, Start, begin, learn
from mmembed.errors import LimitError
from mmembed.types import Embeddings

DIM = 24
Rows = tuple[Embeddings, NDArray[np.int64]]


def unit(rows: NDArray[np.float64]) -> Embeddings:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def directions(count: int, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=(count, DIM))


def cases(means: NDArray[np.float64], each: int, seed: int, noise: float = 1.0) -> Rows:
    generator = np.random.default_rng(seed)
    truth = np.repeat(np.arange(len(means)), each)
    return unit(means[truth] + noise * generator.normal(size=(len(truth), DIM))), truth


def right(learned: LearnedLabels, rows: Embeddings, truth: NDArray[np.int64]) -> float:
    return float(((rows @ learned.weights + learned.bias).argmax(axis=1) == truth).mean())


@pytest.mark.slow
def test_examples_correct_words_that_mislead() -> None:
    means = directions(4)
    words = unit(means[[1, 0, 2, 3]])  # the first two are exchanged
    rows, truth = cases(means, 8, seed=1, noise=0.5)
    learned = learn(Examples(rows, truth, words), [Start(20.0)])
    tested = cases(means, 50, seed=2, noise=0.5)
    assert right(learned, *tested) > 0.95
    assert learned.choice.penalty is not None
    assert learned.likelihoods[1] > learned.likelihoods[0]


def test_examples_that_teach_nothing_change_nothing() -> None:
    """Labels at random: any change would harm."""
    words = unit(directions(3))
    rows, _ = cases(directions(3), 6, seed=3)
    truth = np.random.default_rng(4).integers(0, 3, len(rows))
    learned = learn(Examples(rows, truth, words), [Start(1.0)])
    begun, _ = begin(Examples(rows, truth, words), Start(1.0))
    assert learned.choice.penalty in (None, PENALTIES[0])
    assert np.abs(learned.weights - begun).max() < 0.2


def test_a_label_without_examples_keeps_its_words() -> None:
    words = unit(directions(3))
    rows, truth = cases(directions(2, seed=5), 8, seed=6, noise=0.3)
    learned = learn(Examples(rows, truth, words), [Start(10.0)])
    assert learned.choice.penalty is not None
    np.testing.assert_allclose(learned.weights[:, 2], 10 * words[2], atol=1e-6)
    assert learned.bias[2] == 0


def test_many_examples_of_one_label_make_it_no_likelier() -> None:
    means = directions(2)
    words = np.zeros((2, DIM), np.float32)
    rows, truth = cases(means, 40, seed=7, noise=2.0)
    few = np.flatnonzero((truth == 0) | (np.arange(len(truth)) >= 76))  # 40 and 4
    learned = learn(Examples(rows[few], truth[few], words), [Start(0.0, 20.0)])
    tested, _ = cases(means, 200, seed=8, noise=2.0)
    share = float(((tested @ learned.weights + learned.bias).argmax(axis=1) == 1).mean())
    assert 0.3 < share < 0.7


@pytest.mark.parametrize("each", [1, 2, 5])
def test_mere_names_are_known_by_their_examples(each: int) -> None:
    means = directions(5)
    words = np.zeros((5, DIM), np.float32)
    rows, truth = cases(means, each, seed=9, noise=0.3)
    learned = learn(Examples(rows, truth, words), [Start(0.0, 10.0), Start(0.0, 20.0)])
    assert right(learned, *cases(means, 20, seed=10, noise=0.3)) > 0.95


def test_a_fit_is_where_the_slope_is_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against plain gradient descent with small steps."""
    monkeypatch.setattr(few_shot, "PENALTIES", (1.0,))
    means = directions(3)
    words = unit(directions(3, seed=11))
    rows, truth = cases(means, 5, seed=12)
    examples = Examples(rows, truth, words)
    learned = learn(examples, [Start(3.0)])
    penalty, bias_weight = learned.choice.penalty, learned.choice.bias_weight
    assert penalty is not None
    begun = 3.0 * words.T.astype(np.float64)
    change, bias = np.zeros_like(begun), np.zeros(3)
    wanted = np.eye(3)[truth]
    for _ in range(3000):
        logits = rows @ (begun + change) + bias
        chances = np.exp(logits - logits.max(axis=1, keepdims=True))
        errors = chances / chances.sum(axis=1, keepdims=True) - wanted
        change -= 0.05 * (rows.T @ errors + penalty * change)
        if bias_weight:
            bias -= 0.05 * bias_weight * (errors.sum(axis=0) + penalty / bias_weight * bias)
    np.testing.assert_allclose(learned.weights, begun + change, atol=0.02)
    np.testing.assert_allclose(learned.bias, bias, atol=0.02)


def test_one_example_and_one_label_are_no_trouble() -> None:
    words = unit(directions(1))
    learned = learn(Examples(words, np.zeros(1, np.int64), words), [Start(5.0)])
    assert np.isfinite(learned.weights).all()
    assert learned.choice.penalty is None


def test_equal_examples_are_no_trouble() -> None:
    words = unit(directions(2))
    rows = np.repeat(words[:1], 6, axis=0)
    learned = learn(Examples(rows, np.array([0, 0, 0, 1, 1, 1]), words), [Start(5.0)])
    assert np.isfinite(learned.weights).all()
    assert np.isfinite(learned.bias).all()


def test_too_much_to_learn_is_refused() -> None:
    words = unit(directions(1000))
    rows = np.repeat(words, 2, axis=0)
    with pytest.raises(LimitError, match="2000 examples × 1000 labels, limit 500000"):
        learn(Examples(rows, np.arange(2000) % 1000, words), [Start(5.0)])
