"""Several embeddings become one."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mmembed.errors import ModelError
from mmembed.search.mixing import mixed


def unit(*numbers: float) -> NDArray[np.float32]:
    return np.asarray(np.array(numbers) / np.linalg.norm(numbers), np.float32)


def test_weights_count() -> None:
    mean = mixed([unit(1, 0), unit(0, 1)], [3, 4])
    assert mean is not None
    np.testing.assert_allclose(mean, [0.6, 0.8], atol=1e-7)
    assert mean.dtype == np.float32


def test_a_negative_weight_leads_away() -> None:
    mean = mixed([unit(1, 0), unit(0, 1)], [1, -1])
    assert mean is not None
    np.testing.assert_allclose(mean, [0.5**0.5, -(0.5**0.5)], atol=1e-7)


@pytest.mark.parametrize("scale", [1.0, 1e-300, 1e300])
def test_rows_that_cancel_out_have_no_direction(scale: float) -> None:
    assert mixed([unit(1, 1), unit(-1, -1)], [scale, scale]) is None
    assert mixed([unit(1, 1), unit(1, 0)], [scale, scale]) is not None


def test_what_is_not_finite_is_refused() -> None:
    with pytest.raises(ModelError, match="no finite vector"):
        mixed([unit(1, 0), np.array([np.nan, 0], np.float32)], [1, 1])
