"""Terms on different scales weigh alike."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mmembed.errors import QueryError
from mmembed.search.composition import Composition, backgrounds
from mmembed.types import Background, Embeddings


def unit(rows: NDArray[np.float64]) -> Embeddings:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


# The first axis tells the vectors apart ten times as much as the second.
VECTORS = unit(np.random.default_rng(1).normal(size=(500, 8)) * [1, 0.1, 1, 1, 1, 1, 1, 1])
ROWS = np.eye(8, dtype=np.float32)[:2]


def composed(*weights: float, sample: Embeddings = VECTORS) -> Composition:
    return Composition(ROWS, weights, backgrounds(ROWS, sample))


def test_the_vector_ranks_by_the_standardised_sum() -> None:
    composition = composed(1, -0.5)
    values = composition.standardised(VECTORS) @ [1, -0.5]
    assert np.linalg.norm(composition.vector()) == pytest.approx(1)
    ranked = (VECTORS @ composition.vector()).argsort()
    assert np.all(np.diff(values[ranked]) > -1e-4)
    assert composition.standardised(VECTORS).std(axis=0) == pytest.approx([1, 1], abs=0.01)
    # Unlike the sum as it is, which hardly knows the second term.
    spread = abs(VECTORS @ np.diag(composition.vector())[:, :2]).std(axis=0)
    assert spread[1] == pytest.approx(spread[0] / 2, rel=0.2)


def test_the_direction_is_the_sum_as_it_is() -> None:
    assert composed(3, -4).direction()[:3] == pytest.approx([0.6, -0.8, 0])


def test_a_vector_has_its_value_among_any_others() -> None:
    composition = composed(1, 1)
    alone = np.concatenate([composition.standardised(row[None]) for row in VECTORS])
    assert np.array_equal(alone, composition.standardised(VECTORS))


def test_a_term_that_tells_nothing_apart_does_not_outweigh() -> None:
    flat = VECTORS * np.array([1, 1e-6, 1, 1, 1, 1, 1, 1], np.float32)
    usual = composed(1, 1, sample=unit(flat.astype(np.float64))).usual
    assert usual[1].deviation == pytest.approx(usual[0].deviation / 10)


@pytest.mark.parametrize("sample", [VECTORS[:0], VECTORS[:1], VECTORS[[0, 0, 0]]])
def test_a_sample_that_tells_nothing_leaves_the_terms_as_they_are(sample: Embeddings) -> None:
    composition = composed(1, 2, sample=sample)
    assert composition.usual == (Background(0, 1), Background(0, 1))
    assert composition.vector() == pytest.approx(composition.direction())


def test_terms_that_cancel_out_are_an_error() -> None:
    twice = ROWS[[0, 0]]
    composition = Composition(twice, (1, -1), backgrounds(twice, VECTORS))
    for made in (composition.vector, composition.direction):
        with pytest.raises(QueryError, match="cancel out"):
            made()
