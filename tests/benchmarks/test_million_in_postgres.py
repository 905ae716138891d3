"""The rows that the benchmark copies are those that the store would have written."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from tests.postgres_server import address
from tests.temporary_postgres import drop_schema

pytest.importorskip("psycopg", reason="psycopg is not installed: pip install mmembed[postgres]")

from benchmarks.million import MODEL, World
from benchmarks.million_in_postgres import batches, load
from mmembed.config.store_address import address_of
from mmembed.filters.tree import Test as Condition
from mmembed.store.entries import ImageEntry
from mmembed.store.postgres.postgres_store import PostgresStore

pytestmark = pytest.mark.scale
IMAGES = 60


def test_copied_images_are_searched_as_written_ones(tmp_path: Path) -> None:
    at, world = address(), World()
    with closing(PostgresStore(at, tmp_path, exact_limit=9_999)) as store:
        store.claim(MODEL)
        load(address_of(at), IMAGES, world)
        rows = batches(IMAGES, world)[0]().rows
        assert store.count("image", Condition("width", "<=", 500)) == IMAGES // 2
        for number, row in enumerate(rows[:5], 1):
            [(item, cosine), *_] = store.search(row, 3, kind="image").hits
            assert (item.id, item.sha256) == (number, f"{number:064x}")
            assert cosine == pytest.approx(1, abs=1e-3)
        copy = ImageEntry("/a.jpg", "a", rows[0], 1, 1, 1, "JPEG", 0)
        other = ImageEntry("/b.jpg", "b", np.ones_like(rows[0]), 1, 1, 1, "JPEG", 0)
        assert store.write([copy, other]) == [IMAGES + 1, IMAGES + 2]
        assert store.index_sizes() == {"image": IMAGES + 1}  # an equal vector has one row
        drop_schema(store._connections)
