"""The vectors that pass a filter are read once for each change."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mmembed.filters import tree
from mmembed.store.entries import Model
from mmembed.store.folder_store import FolderStore
from mmembed.store.passing import MOST, PassingVectors
from tests.store.vectors.clustered import Entry


def test_what_passes_is_read_again_after_a_change_only() -> None:
    version, reads = [1], []

    def read() -> list[int]:
        reads.append(version[0])
        return [1, 5, version[0] + 10]

    passing = PassingVectors(lambda: version[0])
    first = passing.of("a", read)
    assert passing.of("a", read) is first
    version[0] = 2
    assert passing.of("a", read).ids.tolist() == [1, 5, 12]
    assert reads == [1, 2]
    for number in range(MOST):
        passing.of(number, read)
    passing.of("a", read)
    assert len(reads) == 2 + MOST + 1


def test_filtered_searches_follow_each_change(tmp_path: Path, entry: Entry) -> None:
    """By this process and by another connection."""
    store = FolderStore(tmp_path / "data", exact_limit=10)
    store.claim(Model("four", "fingerprint-of-four", 4))
    random = np.random.default_rng(0)
    store.write([entry(f"/blue/{i}", random.normal(size=4)) for i in range(30)])
    store.publish()
    other = FolderStore(tmp_path / "data", exact_limit=10)
    query = np.eye(4, dtype=np.float32)[0]

    def hits() -> set[int]:
        found = store.search(query, 30, tree.Test("folder", "=", "/red"), kind="image")
        return {item.id for item, _ in found.hits}

    assert hits() == set()
    first = store.write([entry("/red/1", random.normal(size=4))])
    assert hits() == {*first}
    second = other.write([entry("/red/2", random.normal(size=4))])
    assert hits() == {*first, *second}
    other.remove(first)
    assert hits() == {*second}
    other.close()
    store.close()
