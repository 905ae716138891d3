"""How a model's cosines become probabilities that mean what they say.

A model's own logit scale was trained, not calibrated. The logits are divided by a temperature that
makes labelled pictures likeliest (Guo et al., On Calibration of Modern Neural Networks, 2017). One
temperature for a model serves other labels and prompts too (Levine et al., Enabling Calibration in
the Zero-Shot Inference of Large Vision-Language Models, 2023, arXiv 2303.12748).
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from mmembed.classify.rivals import LogisticRule
from mmembed.classify.zero_shot import SHORT_TEMPLATES
from mmembed.errors import InputError

RECORD = "calibration"
"""The kind of the records that hold calibrations, each named by its model's fingerprint."""
SHARPEST, FLATTEST = 1e-3, 1e3
"""Temperatures that are looked at."""
STEPS = 60
"""Halvings of that range, in logarithms: to a relative 1e-17."""


@dataclass(frozen=True)
class Calibration:
    """The calibration of one model."""

    temperature: float = 1.0
    """The logits, logit scale × cosine, are divided by it."""
    templates: tuple[str, ...] = SHORT_TEMPLATES
    """The prompts of labels unless others are given."""
    images: int = 0
    """Labelled pictures that it was fitted on; 0 for a model's own scale."""
    any_label: LogisticRule = LogisticRule(0.53, -0.61)
    """Whether any of the labels is there, against other texts."""
    each_label: LogisticRule = LogisticRule(0.79, -3.31)
    """Whether one label is there, for itself: a label that one picture in twenty shows."""

    def to_bytes(self) -> bytes:
        """As its record holds it."""
        return json.dumps(asdict(self), ensure_ascii=False).encode()

    @classmethod
    def from_bytes(cls, record: bytes) -> Calibration:
        """Of a record. Raises ValueError if it is damaged."""
        try:
            kept = json.loads(record)
            found = cls(
                float(kept["temperature"]),
                tuple(kept["templates"]),
                int(kept["images"]),
                LogisticRule(**kept["any_label"]),
                LogisticRule(**kept["each_label"]),
            )
        except (TypeError, KeyError) as error:
            raise ValueError(f"{error!r}") from error
        if not SHARPEST <= found.temperature <= FLATTEST:
            raise ValueError(f"temperature {found.temperature}")
        if not found.templates or not all("{}" in str(one) for one in found.templates):
            raise ValueError(f"templates {found.templates!r:.80}")
        for rule in (found.any_label, found.each_label):
            if not (math.isfinite(rule.offset) and 0 < rule.slope < math.inf):
                raise ValueError(f"{rule}")
        return found


SHIPPED = {"bundled": Calibration(temperature=1.38, templates=("{}",), images=13_000)}
"""Fitted on 10,000 pictures of Tiny-ImageNet and 3,000 of Caltech-101; see the model card."""


def shipped_calibration(model: str) -> Calibration:
    """The calibration that comes with the package for a model of this id; for a model without one
    its own logit scale, and the usual prompts."""
    return SHIPPED.get(model, Calibration())


def fit_temperature(logits: NDArray[np.float32], truth: NDArray[np.int64]) -> float:
    """The temperature that makes the right labels likeliest. logits: (n, labels); truth: int64
    (n,). Raises InputError where no temperature does: all answers are right, or no better than
    none."""
    rows = logits.astype(np.float64)
    right = rows[np.arange(len(rows)), truth]
    low, high = np.log(1 / FLATTEST), np.log(1 / SHARPEST)
    ends = [_slope(rows, right, float(np.exp(end))) for end in (low, high)]
    if ends[0] <= 0 or ends[1] >= 0:
        raise InputError(
            "no temperature can be fitted: the labels are "
            + ("no better than chance" if ends[0] <= 0 else "all right")
            + " on these pictures; take more pictures of more classes"
        )
    for _ in range(STEPS):
        middle = (low + high) / 2
        if _slope(rows, right, float(np.exp(middle))) > 0:
            low = middle
        else:
            high = middle
    return float(np.exp(-(low + high) / 2))


def _slope(rows: NDArray[np.float64], right: NDArray[np.float64], sharpness: float) -> float:
    """The derivative of the mean log-likelihood in the sharpness, 1 / temperature: falling."""
    scaled = sharpness * rows
    chances = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    chances /= chances.sum(axis=1, keepdims=True)
    return float((right - (chances * rows).sum(axis=1)).mean())
