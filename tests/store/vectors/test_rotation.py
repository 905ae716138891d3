"""int8 codes rank as the vectors do."""

from __future__ import annotations

import numpy as np
import pytest

from mmembed.store.vectors.rotation import LEADING, Rotation
from tests.store.vectors.clustered import clustered


@pytest.mark.parametrize("dim", [1, 2, 4, 33, 512])
@pytest.mark.slow
def test_inner_products_of_codes_are_nearly_cosines(dim: int) -> None:
    """Also where one dimension is far wider than the others, as in CLIP's embeddings."""
    rows = clustered(300, dim=dim) * 1.0
    rows[:100, 0] += 3
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    rotation = Rotation.of(rows)
    codes = rotation.codes_of(rows).astype(np.float64)
    squares = (codes**2).sum(axis=1)
    cosines = codes @ codes.T / squares.mean()
    assert np.abs(cosines - rows @ rows.T).max() < 0.03
    assert squares.mean() == pytest.approx(rotation.squared_length, rel=0.02)
    alone = np.stack([rotation.code_of(row) for row in rows]).astype(np.float64)
    assert np.abs(alone - codes).max() <= 1  # the last bits of the sums differ
    square = rotation.axes @ rotation.axes.T / rotation.squared_length
    assert np.allclose(square, np.eye(dim), atol=1e-5)


def test_the_leading_numbers_hold_most_where_some_directions_are_wider() -> None:
    spread = np.arange(1, 257) ** -0.5
    turn, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(256, 256)))
    rows = np.random.default_rng(2).normal(size=(2000, 256)) * spread @ turn
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    rotation = Rotation.of(rows[:1000])
    codes = rotation.codes_of(rows[1000:]).astype(np.float64)
    lead, rest = codes[:, : rotation.lead], codes[:, rotation.lead :]
    assert rotation.lead == LEADING
    assert (lead**2).sum() > 0.8 * (codes**2).sum()
    for part in (lead, rest):  # within each, no number is much wider than the others
        widths = (part**2).mean(axis=0) ** 0.5
        assert widths.max() < 3 * widths.min()
    about = lead[:1] @ lead[1:].T / rotation.squared_length
    assert np.corrcoef(about, rows[1000:1001] @ rows[1001:].T)[0, 1] > 0.9
