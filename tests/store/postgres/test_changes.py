"""Changes of vectors that came and went are forgotten, and those of present vectors are not."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest

from mmembed.store.entries import ImageEntry

pytest.importorskip("psycopg", reason="psycopg is not installed: pip install mmembed[postgres]")

from mmembed.store.postgres import search

pytestmark = pytest.mark.scale


def written(store: Any, name: str) -> int:
    seed = int(hashlib.sha256(name.encode()).hexdigest()[:8], 16)
    row = np.random.default_rng(seed).normal(size=4).astype(np.float32)
    entry = ImageEntry(name, hashlib.sha256(name.encode()).hexdigest(), row, 1, 1, 1, "PNG", 1)
    [item_id] = store.write([entry])
    return int(item_id)


def changes(store: Any) -> int:
    return int(store._number("SELECT count(*) FROM changes"))


def test_old_changes_of_vectors_that_are_gone_are_forgotten(
    postgres: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "KEPT_CHANGES", 3)
    stays = written(postgres, "/stays")
    for number in range(10):
        postgres.remove([written(postgres, f"/{number}")])
    last = postgres.last_change()
    postgres.publish()
    assert changes(postgres) == 21, "the server has not counted them yet"
    with postgres._connections.session() as session:
        session.run("ANALYZE changes")
    postgres.publish()
    assert 1 < changes(postgres) <= 1 + 3 + 1
    assert postgres.last_change() == last
    [vector_id] = postgres.changes("image", 0, last)[0]
    assert postgres.items_of_vectors([vector_id])[vector_id][0].id == stays
    assert postgres.check() == []
    postgres.remove([stays])
    assert postgres.last_change() > last
