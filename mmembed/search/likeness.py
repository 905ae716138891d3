"""How alike pictures are, within their collection.

Likeness is the cosine of two embeddings after the mean embedding of the collection has been taken
from both. It is 1 for the same picture and about 0 for two pictures taken at random. The plain
cosine of two random pictures is 0.8 in one collection and 0.65 in another.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmembed.types import Embedding, Embeddings

FEWEST = 32
"""Pictures whose mean says what is common to a collection."""
_SMALLEST = 1e-6


def likeness(query: Embedding, pictures: Embeddings, sample: Embeddings) -> NDArray[np.float64]:
    """(n,), 0 to 1; below 0 counts as 0.

    query: float32 (dim,); pictures: float32 (n, dim); sample: at least FEWEST pictures of the
    collection, float32 (m, dim); all unit-norm.
    """
    mean = sample.mean(axis=0, dtype=np.float64)
    rest, others = query - mean, pictures - mean
    lengths = np.linalg.norm(rest) * np.linalg.norm(others, axis=1)
    cosines = (others @ rest) / np.maximum(lengths, _SMALLEST)
    return np.asarray(np.clip(cosines, 0.0, 1.0), np.float64)
