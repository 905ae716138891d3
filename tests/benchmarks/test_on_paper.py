"""The arithmetic of docs/scale.md, and its simulation of shards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import on_paper, sharding
from benchmarks.vectors import clustered

DOCUMENT = (Path(__file__).parents[2] / "docs/scale.md").read_text("utf-8")


def test_the_document_has_the_tables() -> None:
    for row in [*on_paper.embedding(), *on_paper.storage()]:
        assert row in DOCUMENT, "print them with: python -m benchmarks.on_paper"


@pytest.mark.slow
def test_the_document_has_the_simulation() -> None:
    for row in sharding.tails():
        assert row in DOCUMENT, "print it with: python -m benchmarks.sharding"


@pytest.mark.parametrize("shards", [1, 3, 40])
def test_merging_loses_nothing(shards: int) -> None:
    rows = sharding.unit(clustered(300, 16, 1))
    queries = sharding.unit(clustered(20, 16, 2))
    alone = sharding.exact(rows, queries)
    assert np.array_equal(sharding.merged(rows, queries, shards, graph=False), alone)


def test_every_vector_has_one_shard() -> None:
    sizes = np.bincount(sharding.shard_of(10_000, 16), minlength=16)
    assert sizes.sum() == 10_000
    assert sizes.min() > 500
