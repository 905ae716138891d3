"""Intervals of figures by the percentile bootstrap over images.

Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13. As many images as there
are are drawn with replacement, each with all its captions. The interval holds the middle 95 % of
the resampled figures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from mmembed.eval.metrics import Weights

RESAMPLES = 1000
LEVEL = 0.95
SEED = 0

Statistic: TypeAlias = Callable[[Weights], float]
"""A figure of the data, given how often each image counts: float64 (n_images,)."""


@dataclass(frozen=True)
class Figure:
    """A figure with its 95 % interval; without an interval if the bootstrap does not apply."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Difference:
    """The first model's figure minus the second's, on the same images."""

    value: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval of the difference excludes 0."""
        return self.low > 0 or self.high < 0


def resamples(n: int, *, count: int = RESAMPLES, seed: int = SEED) -> Iterator[Weights]:
    """`count` times how often each of n images was drawn: float64 (n,), summing to n. The same
    n and seed give the same resamples."""
    generator = np.random.default_rng(seed)
    for _ in range(count):
        yield np.bincount(generator.integers(0, n, n), minlength=n).astype(np.float64)


def bootstrap(
    statistics: Mapping[str, Statistic],
    n: int,
    *,
    count: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = SEED,
) -> dict[str, Figure]:
    """Each statistic of n images with its percentile interval, from the same resamples."""
    draws = np.array(
        [
            [statistic(weights) for statistic in statistics.values()]
            for weights in resamples(n, count=count, seed=seed)
        ]
    )
    tail = 50 * (1 - level)
    low, high = np.percentile(draws, (tail, 100 - tail), axis=0)
    whole = np.ones(n)
    return {
        name: Figure(statistic(whole), float(low[i]), float(high[i]))
        for i, (name, statistic) in enumerate(statistics.items())
    }


def compare(
    ours: Mapping[str, Statistic], theirs: Mapping[str, Statistic], n: int, *, seed: int = SEED
) -> dict[str, Difference]:
    """Ours minus theirs for each figure that both have, paired: one resample serves both, so that
    the difficulty of an image cancels out."""
    paired = {name: _minus(ours[name], theirs[name]) for name in ours if name in theirs}
    return {
        name: Difference(figure.value, figure.low or 0.0, figure.high or 0.0)
        for name, figure in bootstrap(paired, n, seed=seed).items()
    }


def _minus(ours: Statistic, theirs: Statistic) -> Statistic:
    return lambda weights: ours(weights) - theirs(weights)
