"""Compares two models, or two engines of one model, on the same images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from mmembed.eval.bootstrap import Difference, Figure, Statistic, compare
from mmembed.eval.report import EvalReport, Table, shown, spoken
from mmembed.types import Embeddings


@dataclass(frozen=True)
class Counted:
    """A report and its data."""

    report: EvalReport
    statistics: Mapping[str, Statistic]
    images: Embeddings
    """float32 (n_images, dim), unit-norm: of the images that the figures are over."""


@dataclass(frozen=True)
class Agreement:
    """Cosines between two engines' vectors of the same image."""

    mean: float
    lowest: float


@dataclass(frozen=True)
class Comparison:
    """Two reports over the same images."""

    first: EvalReport
    second: EvalReport
    differences: Mapping[str, Difference]
    agreement: Agreement | None
    """Cosines of two engines; None for two models, whose vectors lie in different spaces."""

    def as_json(self) -> dict[str, Any]:
        """Both reports, and the first's figures minus the second's."""
        differences = {
            name: {**asdict(difference), "excludes_zero": difference.excludes_zero}
            for name, difference in self.differences.items()
        }
        return {
            "task": self.first.task,
            "models": [self.first.as_json(), self.second.as_json()],
            "differences": differences,
            "cosine": self.agreement and asdict(self.agreement),
        }

    def tables(self) -> list[Table]:
        """The figures side by side."""
        rows = []
        for name, figure in self.first.figures.items():
            row = (spoken(name), shown(name, figure)[0], shown(name, self.second.figures[name])[0])
            rows.append((*row, *_difference(name, self.differences.get(name))))
        heads = ("figure", "A", "B", "A − B", "95 % interval", "verdict")
        return [(heads, rows)]


def compared(first: Counted, second: Counted) -> Comparison:
    """Side by side: both are over the same images."""
    ours, other = first.report, second.report
    same = ours.fingerprint == other.fingerprint
    return Comparison(
        ours,
        other,
        compare(first.statistics, second.statistics, ours.images),
        agreement(first.images, second.images) if same else None,
    )


def agreement(ours: Embeddings, theirs: Embeddings) -> Agreement:
    """Of float32 (n, dim) and (n, dim), unit-norm, row by row."""
    cosines = np.einsum("nd,nd->n", ours, theirs, dtype=np.float64)
    return Agreement(float(cosines.mean()), float(cosines.min()))


def _difference(name: str, difference: Difference | None) -> tuple[str, str, str]:
    if difference is None:
        return "", "", ""
    value, interval = shown(name, Figure(difference.value, difference.low, difference.high))
    if not difference.excludes_zero:
        return value, interval, "no difference shown: the interval contains 0"
    better = "higher" if difference.value > 0 else "lower"
    return value, interval, f"A is {better}: the interval excludes 0"
