"""How far a score stands above what any query gives in a collection."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmembed.types import Background, Embeddings

BACKGROUND_SIZE = 1024
"""Vectors that a query is compared with to know what is usual."""


def background(query: NDArray[np.float32], sample: Embeddings) -> Background:
    """Mean and standard deviation of the cosines of a query, float32 (dim,), with a sample of the
    collection, float32 (n, dim), both unit-norm."""
    if not len(sample):
        return Background(0.0, 0.0)
    scores = sample @ query
    return Background(float(scores.mean()), float(scores.std()))
