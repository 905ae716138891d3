"""How alike pictures are does not depend on what a whole collection has in common."""

from __future__ import annotations

import numpy as np
import pytest

from mmembed.search.likeness import likeness
from mmembed.search.match import match_of_pictures
from mmembed.types import Embeddings

DIM = 32


def pictures(common: float, count: int = 500) -> Embeddings:
    rows = np.random.default_rng(1).normal(size=(count, DIM))
    rows[:, 0] += common
    unit: Embeddings = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit


@pytest.mark.parametrize("common", [0.0, 10.0, 40.0])
def test_others_are_unlike_and_the_same_is_alike_in_any_collection(common: float) -> None:
    rows = pictures(common)
    alike = likeness(rows[0], rows, rows[100:400])
    assert alike[0] == pytest.approx(1, abs=1e-4)
    assert float(np.median(alike[1:])) < 0.3
    assert alike.min() >= 0


def test_a_copy_is_a_match_and_the_like_of_random_pictures_is_none() -> None:
    assert match_of_pictures([0.2, 0.97]) == "yes"
    assert match_of_pictures([0.8, 0.7]) == "unsure"
    assert match_of_pictures([0.3]) == "no"
    assert match_of_pictures([]) is None
