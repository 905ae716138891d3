"""The store of a collection in a data folder, for tests that look behind the protocol."""

from __future__ import annotations

from mmembed.collection.collection import Collection
from mmembed.store.embedded import EmbeddedStore


def embedded(collection: Collection) -> EmbeddedStore:
    """The collection's store, which is in a folder."""
    assert isinstance(collection.store, EmbeddedStore)
    return collection.store
