"""Stores that are closed at the end of a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mmembed.store.folder_store import FolderStore
from mmembed.store.protocol import Store
from tests.contracts.memory_store import MemoryStore
from tests.object_stores import StoreWithObjects
from tests.temporary_postgres import postgres_store

NewStore = Callable[..., Store]


@pytest.fixture
def new_store(tmp_path: Path) -> Iterator[NewStore]:
    """`new_store("folder")`: an empty store of a sort: folder, memory, objects or postgresql."""
    opened: list[Store] = []

    def make(sort: str = "folder") -> Store:
        folder = tmp_path / f"store {len(opened)}"
        folder.mkdir()
        store: Store
        if sort == "folder":
            store = FolderStore(folder / "data", exact_limit=50_000)
        elif sort == "memory":
            store = MemoryStore(folder / "uploads")
        elif sort == "objects":
            store = StoreWithObjects(folder)
        else:
            store = postgres_store(folder)
        opened.append(store)
        return store

    yield make
    for store in opened:
        store.close()
