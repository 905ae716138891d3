"""Thresholds keep a precision, if probabilities mean what they say."""

from __future__ import annotations

import numpy as np
import pytest

from mmembed.classify.thresholds import threshold_for


def test_a_threshold_keeps_the_mean_probability() -> None:
    chances = np.array([0.2, 0.9, 0.8, 1.0, 0.3], np.float32)
    assert threshold_for(chances, 0.9) == pytest.approx(0.8)  # (1 + 0.9 + 0.8) / 3
    assert threshold_for(chances, 0.5) == pytest.approx(0.2)
    assert threshold_for(chances[:1], 0.9) > 1
