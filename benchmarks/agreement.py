"""Do two ways give the same vectors for the same pictures?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Disagreement(Exception):
    """A way's vectors are not the reference's: it runs something else, so it is not timed."""


def lowest_cosine(found: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """The lowest cosine of rows that belong together. Raises Disagreement for another shape."""
    if found.shape != expected.shape:
        raise Disagreement(f"vectors of shape {found.shape} for {expected.shape}")
    return float((unit(found) * unit(expected)).sum(axis=1).min())


def unit(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """float64 (n, dim), unit-norm."""
    wide = rows.astype(np.float64)
    result: NDArray[np.float64] = wide / np.linalg.norm(wide, axis=1, keepdims=True)
    return result


def check(found: NDArray[np.float32], expected: NDArray[np.float32], at_least: float) -> float:
    """The lowest cosine. Raises Disagreement if it is not high enough."""
    lowest = lowest_cosine(found, expected)
    if not lowest >= at_least:
        raise Disagreement(f"vectors differ: cosine {lowest:.5f}, expected {at_least}")
    return lowest
