"""Samples of more than 8 bits, and floats, as bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

USUAL_WHITES = (1, 255, 65_535)
BRIGHTEST_LIGHT = 16
"""Floats up to this value count as linear light: 1 is white, and more is a highlight."""


@dataclass(frozen=True)
class Extent:
    """The range of the samples."""

    low: float
    high: float
    has_fractions: bool
    """Whether some samples are no whole numbers."""

    def __or__(self, other: Extent) -> Extent:
        return Extent(
            min(self.low, other.low),
            max(self.high, other.high),
            self.has_fractions or other.has_fractions,
        )


def extent_of(values: NDArray[Any]) -> Extent:
    """The extent of any numbers; infinities and NaN count as 0."""
    floats = _finite(values)
    return Extent(float(floats.min()), float(floats.max()), bool((floats % 1 != 0).any()))


def black_and_white(extent: Extent, whites: Sequence[int] = USUAL_WHITES) -> tuple[float, float]:
    """The samples that become 0 and 255: 0 and the first of `whites` that holds all, or else the
    smallest and the largest."""
    if extent.low >= 0:
        if extent.high <= BRIGHTEST_LIGHT and (extent.has_fractions or extent.high <= 1):
            return 0.0, 1.0
        fitting = [white for white in whites if extent.high <= white]
        if fitting:
            return 0.0, float(fitting[0])
    return extent.low, extent.high


def scaled(values: NDArray[Any], black: float, white: float) -> NDArray[np.uint8]:
    """Numbers as bytes: 0 up to black, 255 from white on."""
    steps = (_finite(values) - black) * (255 / max(white - black, 1e-12))
    scaled_bytes: NDArray[np.uint8] = np.rint(np.clip(steps, 0, 255)).astype(np.uint8)
    return scaled_bytes


def _finite(values: NDArray[Any]) -> NDArray[np.float32]:
    floats: NDArray[np.float32] = np.nan_to_num(values.astype(np.float32), posinf=0, neginf=0)
    return floats
