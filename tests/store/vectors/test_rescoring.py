"""Scores depend on a vector and a query, and on nothing beside them."""

from __future__ import annotations

import numpy as np
import pytest

from mmembed.store.vectors.rescoring import CHUNK, Ids, Rows, rank, unit
from tests.store.vectors.clustered import clustered


@pytest.mark.parametrize("dim", [1, 3, 32, 512, 768, 1025])
def test_a_vector_has_the_same_score_alone_and_among_others(dim: int) -> None:
    stored = clustered(CHUNK + 40, dim=dim).astype(np.float16)
    ids = np.arange(len(stored))
    [query] = clustered(1, seed=3, dim=dim)

    def rows_of(some: Ids) -> Rows:
        return unit(stored[some])

    together = rank(ids, rows_of, query, len(ids), size=len(ids))
    scores = dict(zip(together.ids.tolist(), together.scores.tolist(), strict=True))
    for place in (0, 1, 15, 16, 17, 100, CHUNK - 1, CHUNK, CHUNK + 39):
        assert (rows_of(ids[place : place + 1])[0] == rows_of(ids)[place]).all()
        alone = rank(ids[place : place + 1], rows_of, query, 1, size=len(ids))
        assert alone.scores[0] == scores[place]
    exact = unit(stored).astype(np.float64) @ query.astype(np.float64)
    assert [scores[place] for place in ids.tolist()] == pytest.approx(exact.tolist(), abs=6e-7)


def test_each_float16_number_becomes_the_same_float32_number() -> None:
    """Whatever the processor converts them with."""
    every = np.arange(2**16, dtype=np.uint16).view(np.float16)
    stored = every[np.isfinite(every)][:63_000].reshape(-1, 9)
    stored = stored[(stored != 0).any(axis=1)]
    rows = stored.astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    assert (unit(stored) == rows).all()
    assert (unit(stored[::3]) == rows[::3]).all()
    assert unit(stored[:0]).shape == (0, 9)


def test_ties_come_by_rising_id() -> None:
    rows = np.full((6, 4), 0.5, np.float32)
    ranked = rank(np.array([5, 3, 9, 1, 7, 2]), lambda ids: rows[: len(ids)], rows[0], 4, size=6)
    assert ranked.ids.tolist() == [1, 2, 3, 5]
    assert not ranked.complete
