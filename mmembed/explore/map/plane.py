"""Points of the plane → whole numbers of 16 bits, as maps keep and send them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LARGEST = 65_535
MARGIN = 0.02
"""Of the side, on which nothing lies: new pictures may lie a little further out."""


@dataclass(frozen=True)
class Plane:
    """Where the square of a map lies on the plane of its reducer."""

    left: float
    bottom: float
    side: float
    """Above 0."""

    @classmethod
    def around(cls, points: NDArray[np.float32]) -> Plane:
        """The smallest square with a margin around points, float32 (n, 2), at least one."""
        low, high = points.min(axis=0).astype(float), points.max(axis=0).astype(float)
        side = float((high - low).max()) / (1 - 2 * MARGIN) or 1.0
        middle = (low + high) / 2
        return cls(float(middle[0] - side / 2), float(middle[1] - side / 2), side)

    def whole(self, points: NDArray[np.float32]) -> NDArray[np.uint16]:
        """float32 (n, 2) → uint16 (n, 2); points outside the square lie on its edge."""
        parts = (points - np.array([self.left, self.bottom])) / self.side
        return np.asarray(np.round(np.clip(parts, 0, 1) * LARGEST), np.uint16)
