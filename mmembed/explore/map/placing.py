"""Places pictures on a map that was made without them. No other picture moves.

PCA      its own two axes: a picture lies where it would have lain if it had been there
t-SNE    the mean of the nearest pictures of the map, the nearer the heavier
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mmembed.explore.map.plane import Plane
from mmembed.explore.neighbours import Neighbourhood
from mmembed.explore.principal_axes import PrincipalAxes

NEIGHBOURS = 10
"""Pictures that a new one lies among."""
SHARPNESS = 8.0
"""Of the weights: the last of the neighbours weighs e⁻⁸ of the nearest."""


@dataclass(frozen=True)
class Placing:
    """All that is needed to place further pictures."""

    axes: PrincipalAxes
    plane: Plane
    rows: NDArray[np.float16]
    """The pictures that the map was fitted to, (m, axes); none of a map by PCA."""
    points: NDArray[np.uint16]
    """Where they lie, (m, 2)."""

    def place(self, rows: NDArray[np.float32]) -> NDArray[np.uint16]:
        """Pictures on the axes, float32 (n, axes) → uint16 (n, 2). Raises Abandoned."""
        if not len(self.rows):
            return self.plane.whole(rows[:, :2])
        found = np.empty((len(rows), 2), np.uint16)
        count = min(NEIGHBOURS, len(self.rows))
        for part, places, squares in self._neighbourhood.nearest(rows, count):
            found[part] = np.round((self.points[places] * _weights(squares)[..., None]).sum(axis=1))
        return found

    @cached_property
    def _neighbourhood(self) -> Neighbourhood:
        return Neighbourhood(self.rows.astype(np.float32))


def _weights(squares: NDArray[np.float32]) -> NDArray[np.float64]:
    """Squared distances of neighbours, nearest first, (n, k) → weights, which add up to 1."""
    beyond = squares.astype(np.float64) - squares[:, :1]
    widths = np.maximum(beyond[:, -1:], 1e-12)
    weights = np.exp(-SHARPNESS * beyond / widths)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))
