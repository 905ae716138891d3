"""Learns labels from a few examples: logistic regression that starts from the words.

    logits = x · (start + change) + bias

`start` are the label embeddings by words times the model's scale. `change` and `bias` are learned,
and shrunk towards zero. So without examples, or where they teach nothing, the words decide as
before. The strength of the penalty is chosen by cross-validation on the examples, with «no change»
among the choices. A label without words starts from the mean of its examples instead.

Pure NumPy. Every label weighs the same, however many examples it has.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from mmembed.cancellation import current_caller
from mmembed.errors import LimitError
from mmembed.types import Embeddings

Floats = NDArray[np.float64]

FOLDS = 5
PENALTIES = (10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01)
"""Of the squared change, for examples whose weights sum to their number; by falling strength."""
BIAS_WEIGHTS = (0.05,)
"""How much freer the bias is than the change: the squared value of a constant feature."""
LARGE = 50_000
"""Examples × labels, above which a single fold is left out: more would take minutes."""
LARGEST = 500_000
"""Examples × labels, above which nothing is learned: it takes some ten seconds."""
STEPS = 60
CLOSE = 1e-3
"""Change of a step, relative to the whole, at which the fit ends."""


@dataclass(frozen=True)
class Start:
    """One way to begin: words and class means, each times a scale."""

    words: float
    means: float = 0.0
    """Of the labels without words alone: the scale of their examples' mean less the mean of all."""


@dataclass(frozen=True)
class Choice:
    """The settings that cross-validation chose."""

    start: Start
    penalty: float | None
    """None: the start alone, without a change."""
    bias_weight: float = 0.0


@dataclass(frozen=True, eq=False)
class LearnedLabels:
    """Labels as a linear classifier: logits = x @ weights + bias."""

    weights: Floats
    """float64 (dim, labels)."""
    bias: Floats
    """float64 (labels,)."""
    choice: Choice
    likelihoods: tuple[float, float]
    """Mean log-likelihood of examples that were left out, by the first start alone and as chosen;
    in nats."""


@dataclass(frozen=True, eq=False)
class Examples:
    """Known cases, and the labels by words."""

    rows: Embeddings
    """float32 (n, dim), unit-norm."""
    truth: NDArray[np.int64]
    """int64 (n,): the label of each."""
    words: Embeddings
    """float32 (labels, dim): the label embeddings by words; zero for labels without words."""

    @cached_property
    def worded(self) -> NDArray[np.bool_]:
        """bool (labels,): which have words."""
        return np.asarray(self.words.any(axis=1))

    @cached_property
    def weights(self) -> Floats:
        """float64 (n,), summing to n: of each example, so that its label weighs as all others."""
        counts = np.bincount(self.truth, minlength=len(self.words))
        present = np.count_nonzero(counts)
        return np.asarray(len(self.truth) / present / counts[self.truth], np.float64)

    def part(self, chosen: NDArray[np.bool_]) -> Examples:
        """Some of the examples; chosen: bool (n,)."""
        return Examples(self.rows[chosen], self.truth[chosen], self.words)


def learn(examples: Examples, starts: Sequence[Start]) -> LearnedLabels:
    """The labels that fit the examples, begun in the way that fits best. starts: at least one; the
    first is kept unless another is better. Deterministic. Raises LimitError for too many, and
    Abandoned if the caller leaves."""
    if len(examples.truth) * len(examples.words) > LARGEST:
        raise LimitError(
            f"{len(examples.truth)} examples × {len(examples.words)} labels, limit {LARGEST} for "
            "their product; give fewer examples, some 16 for each label are enough, or fewer labels"
        )
    chosen, likelihoods = _chosen(examples, starts)
    weights, bias = begin(examples, chosen.start)
    if chosen.penalty is not None:
        fit = _Fit(examples, chosen.bias_weight, (weights, bias))
        for penalty, (more, offset) in fit.path():
            if penalty == chosen.penalty:
                weights, bias = weights + more, bias + offset
                break
    return LearnedLabels(weights, bias, chosen, likelihoods)


def begin(examples: Examples, start: Start) -> tuple[Floats, Floats]:
    """Weights (dim, labels) and bias (labels,) before any change."""
    weights = start.words * examples.words.T.astype(np.float64)
    bias = np.zeros(len(examples.words))
    bare = np.flatnonzero(~examples.worded)
    if len(bare):
        means = _class_means(examples)
        there = np.flatnonzero(means.any(axis=1))
        middle = means[there].mean(axis=0) if len(there) else np.zeros(means.shape[1])
        usual = weights[:, examples.worded].mean(axis=1) if examples.worded.any() else 0.0
        for label in bare:
            mean = means[label] if means[label].any() else middle
            weights[:, label] = usual + start.means * (mean - middle)
            bias[label] = start.means * (middle @ middle - mean @ mean) / 2
    return weights, bias


def _class_means(examples: Examples) -> Floats:
    """float64 (labels, dim); zero for labels without an example."""
    sums = np.zeros(examples.words.shape)
    np.add.at(sums, examples.truth, examples.rows.astype(np.float64))
    counts = np.bincount(examples.truth, minlength=len(sums))
    return np.asarray(sums / np.maximum(counts, 1)[:, None], np.float64)


def _chosen(examples: Examples, starts: Sequence[Start]) -> tuple[Choice, tuple[float, float]]:
    """The best choice by cross-validation, and the likelihoods of the first start and of it. The
    first start stays unless the best one is better by more than the standard error."""
    first = Choice(starts[0], None)
    shares, gained = _gains(examples, starts)
    if not len(shares):  # a single example
        return first, (0.0, 0.0)
    shares /= shares.sum()
    by_choice = {choice: np.concatenate(parts) for choice, parts in gained.items()}
    means = {choice: float(shares @ one) for choice, one in by_choice.items()}
    best = max(means, key=lambda choice: means[choice])  # of equals the first, hence the least
    better = by_choice[best] - by_choice[first]
    error = float(np.sqrt(shares**2 @ (better - shares @ better) ** 2))
    if shares @ better <= error:
        best = first
    return best, (means[first], means[best])


def _gains(
    examples: Examples, starts: Sequence[Start]
) -> tuple[Floats, dict[Choice, list[Floats]]]:
    """The weights of examples that were left out in turn, (n,), and their log-likelihoods by
    choice, a part for each fold."""
    shares: list[Floats] = [np.zeros(0)]
    found: dict[Choice, list[Floats]] = {}
    large = len(examples.truth) * len(examples.words) > LARGE
    for held in islice(_folds(examples.truth), 1 if large else FOLDS):
        rest, left_out = examples.part(~held), examples.part(held)
        shares.append(examples.weights[held])
        for start in starts:
            for choice, weights, bias in _candidates(rest, start):
                chances = _log_chances(left_out.rows @ weights + bias)
                right = chances[np.arange(len(chances)), left_out.truth]
                found.setdefault(choice, []).append(right)
    return np.concatenate(shares), found


def _candidates(examples: Examples, start: Start) -> Iterator[tuple[Choice, Floats, Floats]]:
    """Every choice from a start, with weights and bias, by falling strength of the penalty."""
    weights, bias = begin(examples, start)
    yield Choice(start, None), weights, bias
    for bias_weight in BIAS_WEIGHTS:
        for penalty, (more, offset) in _Fit(examples, bias_weight, (weights, bias)).path():
            yield Choice(start, penalty, bias_weight), weights + more, bias + offset


def _folds(truth: NDArray[np.int64]) -> Iterator[NDArray[np.bool_]]:
    """bool (n,) for each fold: the examples that it leaves out. A label's examples are spread over
    the folds; one fold at least leaves some example in."""
    count = min(FOLDS, len(truth))
    order = np.argsort(truth, kind="stable")
    fold_of = np.empty(len(truth), np.int64)
    fold_of[order] = np.arange(len(truth)) % count
    for fold in range(count):
        held = fold_of == fold
        if not held.all():
            yield held


class _Fit:
    """Fits of one set of examples for all penalties.

    The change is D = V E, where A = W^½ [X, c] = U S Vᵀ is the weighted design with a constant
    feature c for the bias; so |D|² = |E|². The curvature of the softmax in E is at most S² / 2
    (Böhning, 1992), which gives the step of each direction; steps have Nesterov's momentum, which
    restarts where the loss rises.
    """

    def __init__(
        self, examples: Examples, bias_weight: float, begun: tuple[Floats, Floats]
    ) -> None:
        """begun: weights (dim, labels) and bias (labels,) to be changed."""
        weights, bias = begun
        rows = examples.rows.astype(np.float64)
        self._constant = bias_weight**0.5
        design = np.hstack([rows, np.full((len(rows), 1), self._constant)])
        self._basis, squares = _directions(np.sqrt(examples.weights)[:, None] * design)
        self._rows = design @ self._basis.T
        self._curvature = squares / 2
        self._weights = examples.weights
        self._logits = rows @ weights + bias
        self._right = np.zeros((len(rows), weights.shape[1]))
        self._right[np.arange(len(rows)), examples.truth] = 1.0
        self._learned = np.bincount(examples.truth, minlength=weights.shape[1]) > 0

    def path(self) -> Iterator[tuple[float, tuple[Floats, Floats]]]:
        """Each penalty with the change of the weights, (dim, labels), and of the bias, (labels,).
        Each fit begins where the one before ended."""
        now = np.zeros((len(self._curvature), self._right.shape[1]))
        for penalty in PENALTIES:
            now = self._descended(now, penalty)
            change = self._basis.T @ now
            yield penalty, (change[:-1], self._constant * change[-1])

    def _descended(self, now: Floats, penalty: float) -> Floats:
        step = 1.0 / (self._curvature + penalty)[:, None]
        ahead, before, pace = now, now, 1.0
        for _ in range(STEPS):
            current_caller().check()
            now = ahead - step * self._slope(ahead, penalty)
            if np.vdot(ahead - now, now - before) > 0:
                pace = 1.0  # the momentum leads uphill
            faster = (1 + (1 + 4 * pace**2) ** 0.5) / 2
            moved = now - before
            ahead = now + (pace - 1) / faster * moved
            before, pace = now, faster
            if np.abs(moved).max() <= CLOSE * max(np.abs(now).max(), CLOSE):
                break
        return now

    def _slope(self, change: Floats, penalty: float) -> Floats:
        """The gradient; labels without examples stay as they are."""
        chances = np.exp(_log_chances(self._logits + self._rows @ change))
        errors = (chances - self._right) * self._weights[:, None]
        return np.asarray((self._rows.T @ errors) * self._learned + penalty * change, np.float64)


def _directions(design: Floats) -> tuple[Floats, Floats]:
    """V, (r, columns), and S² of a design (n, columns); of many rows by way of their products."""
    if len(design) <= design.shape[1]:
        _, scale, basis = np.linalg.svd(design, full_matrices=False)
        return np.asarray(basis), np.asarray(scale**2)
    squares, vectors = np.linalg.eigh(design.T @ design)
    return np.asarray(vectors.T), np.asarray(np.maximum(squares, 0.0))


def _log_chances(logits: Floats) -> Floats:
    """float64 (n, labels) → logarithms of the softmax of each row."""
    above = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(above - np.log(np.exp(above).sum(axis=1, keepdims=True)), np.float64)
