"""A temperature makes probabilities mean what they say."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mmembed.classify import zero_shot
from mmembed.classify.calibration import Calibration, fit_temperature, shipped_calibration
from mmembed.errors import InputError


@pytest.mark.parametrize("temperature", [0.25, 1.0, 3.0])
@pytest.mark.slow
def test_the_temperature_of_the_data_is_found(temperature: float) -> None:
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(4000, 5)) * 2
    chances = zero_shot.chances(logits)
    truth = np.array([generator.choice(5, p=row / row.sum()) for row in chances.astype(float)])
    found = fit_temperature((logits * temperature).astype(np.float32), truth)
    assert found == pytest.approx(temperature, rel=0.06)


def test_nothing_is_fitted_to_answers_that_are_all_right_or_worthless() -> None:
    logits = np.eye(3, dtype=np.float32)
    with pytest.raises(InputError, match="all right"):
        fit_temperature(logits, np.array([0, 1, 2]))
    with pytest.raises(InputError, match="no better than chance"):
        fit_temperature(logits, np.array([1, 2, 0]))


def test_a_calibration_comes_back_from_its_record() -> None:
    one = Calibration(2.5, ("a {}",), 100)
    assert Calibration.from_bytes(one.to_bytes()) == one


@pytest.mark.parametrize("record", [b"", b"[]", b"{}", b"\xff", Calibration().to_bytes()[:-9]])
def test_a_damaged_record_is_noticed(record: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        Calibration.from_bytes(record)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"temperature": 0}, "temperature 0"),
        ({"temperature": "NaN"}, "temperature nan"),
        ({"templates": []}, "templates"),
        ({"templates": ["a photo"]}, "templates"),
        ({"each_label": {"slope": 0.0, "offset": 1.0}}, "slope=0.0"),
        ({"any_label": {"slope": 1.0, "offset": float("nan")}}, "offset=nan"),
        ({"any_label": {"slope": 1.0}}, "offset"),
    ],
)
def test_a_rule_that_makes_no_sense_is_noticed(change: dict[str, object], message: str) -> None:
    record = {**json.loads(Calibration().to_bytes()), **change}
    with pytest.raises(ValueError, match=message):
        Calibration.from_bytes(json.dumps(record).encode())


def test_a_model_without_a_calibration_keeps_its_own_scale() -> None:
    assert shipped_calibration("some/model").temperature == 1
    assert shipped_calibration("bundled").temperature != 1
