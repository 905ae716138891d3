"""Calibrates scores by the usual scores of a query in the collection."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmembed.types import Background, Embeddings

BACKGROUND_SIZE = 1024
"""Vectors of the sample that gives a query's usual scores."""


def background(query: NDArray[np.float32], sample: Embeddings) -> Background:
    """Mean and standard deviation of the cosines of a query, float32 (dim,), with a sample of the
    collection, float32 (n, dim), both unit-norm."""
    if not len(sample):
        return Background(0.0, 0.0)
    scores = sample @ query
    return Background(float(scores.mean()), float(scores.std()))
