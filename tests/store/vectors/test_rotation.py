"""int8 codes rank as the vectors do."""

from __future__ import annotations

import numpy as np
import pytest

from mmembed.store.vectors.rotation import code_of, codes_of, rotation
from tests.store.vectors.clustered import clustered


@pytest.mark.parametrize("dim", [1, 2, 4, 33, 512])
def test_inner_products_of_codes_are_nearly_cosines(dim: int) -> None:
    """Also where one dimension is far wider than the others, as in CLIP's embeddings."""
    rows = clustered(300, dim=dim) * 1.0
    rows[:100, 0] += 3
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    codes = codes_of(rows).astype(np.float64)
    squares = (codes**2).sum(axis=1)
    cosines = codes @ codes.T / squares.mean()
    assert np.abs(cosines - rows @ rows.T).max() < 0.03
    alone = np.stack([code_of(row) for row in rows]).astype(np.float64)
    assert np.abs(alone - codes).max() <= 1  # the last bits of the sums differ
    assert np.allclose(rotation(dim) @ rotation(dim).T, np.eye(dim), atol=1e-5)
