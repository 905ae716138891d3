"""The one vector of a caption that has several."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def mean_of(rows: NDArray[np.float16]) -> NDArray[np.float16]:
    """The direction of the mean of the chunks' directions: float16 (n, dim) → (dim,), unit-norm.
    The first chunk's, where they cancel out."""
    wide = rows.astype(np.float32)
    mean = (wide / np.linalg.norm(wide, axis=1, keepdims=True)).mean(axis=0)
    norm = float(np.linalg.norm(mean))
    half: NDArray[np.float16] = (mean / norm if norm > SMALLEST_NORM else wide[0]).astype("<f2")
    return half


SMALLEST_NORM = 1e-6
"""Below it a mean of unit vectors has no direction that means anything."""
