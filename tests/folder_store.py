"""The store of a collection in a data folder, for tests that look behind the protocol."""

from __future__ import annotations

from mmembed.collection.collection import Collection
from mmembed.store.folder_store import FolderStore


def folder_store(collection: Collection) -> FolderStore:
    """The collection's store, which is in a folder."""
    assert isinstance(collection.store, FolderStore)
    return collection.store
