"""Packed rows give the same inner products as others."""

from __future__ import annotations

import numpy as np
import pytest

from mmembed.store.vectors.packed_codes import PackedCodes


@pytest.mark.parametrize("lead", [1, 2, 33, 96])
def test_scores_are_inner_products_cell_by_cell(lead: int) -> None:
    random = np.random.default_rng(0)
    codes = random.integers(-127, 128, size=(130, 2 * lead), dtype=np.int8)
    starts = np.array([0, 1, 1, 9, 40, 100, 130])
    packed = PackedCodes.of(starts, codes[:, :lead])
    query = random.integers(-127, 128, size=(1, lead), dtype=np.int8)
    for cells in ([0], [1], [4, 0, 1, 2], [5, 3]):
        rows = np.concatenate([codes[starts[cell] : starts[cell + 1], :lead] for cell in cells])
        expected = rows.astype(np.int64) @ query[0].astype(np.int64)
        assert packed.scores(query, cells).tolist() == expected.tolist()
