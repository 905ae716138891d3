"""Several embeddings become one: the direction of their weighted sum."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mmembed.errors import ModelError

SMALLEST_NORM = 1e-6
"""Below it a sum of unit vectors has no direction that means anything."""


def mixed(
    rows: Sequence[NDArray[np.float32]], weights: Sequence[float]
) -> NDArray[np.float32] | None:
    """The direction of the sum of unit-norm rows times their weights: float32 (dim,), unit-norm.

    A negative weight leads away from a row. None where the rows cancel out. Raises ModelError
    where a row is not finite. The weights are finite and not all 0.
    """
    # Relative to the largest, so that no weight is too large or too small to be added up.
    largest = max(map(abs, weights))
    total = np.zeros(rows[0].shape, np.float64)
    for row, weight in zip(rows, weights, strict=True):
        total += row.astype(np.float64) * (weight / largest)
    norm = float(np.linalg.norm(total))
    if not math.isfinite(norm):
        raise ModelError("the model gave no finite vector for the query")
    return None if norm < SMALLEST_NORM else np.asarray(total / norm, np.float32)
