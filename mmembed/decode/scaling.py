"""Samples of more than 8 bits, and floats, as bytes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

USUAL_WHITES = (1, 255, 65_535)
BRIGHTEST_LIGHT = 16
"""Floats up to here are taken for light, of which 1 is white and more is dazzling."""


def scale_to_byte(
    values: NDArray[np.float32], white: int | None, whites: Sequence[int] = USUAL_WHITES
) -> NDArray[np.uint8]:
    """Black at 0 and white at `white`, or else at the first of `whites` that holds all values, or
    else at the smallest and largest value."""
    values = np.nan_to_num(values, posinf=0, neginf=0)
    low, high = 0.0, float(values.max())
    if white is None and values.min() >= 0:
        white = 1 if high <= BRIGHTEST_LIGHT and _is_fraction(values) else None
        white = white or next((one for one in whites if high <= one), None)
    if white is not None:
        high = float(white)
    else:
        low = float(values.min())
    scaled = (values - low) * (255 / max(high - low, 1e-12))
    found: NDArray[np.uint8] = np.rint(np.minimum(scaled, 255)).astype(np.uint8)
    return found


def _is_fraction(values: NDArray[np.float32]) -> bool:
    """Whether there are numbers that no count is."""
    return bool((values % 1 != 0).any()) or bool(values.max() <= 1)
