"""Every store that there is. A further one needs a line in STORES and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mmembed.collection.collection import Collection
from mmembed.config.settings import Settings
from mmembed.store.entries import Model
from mmembed.store.folder_store import FolderStore
from mmembed.store.protocol import Store
from tests.contracts.memory_store import MemoryStore
from tests.fake_encoder import FakeEncoder
from tests.temporary_postgres import postgres_store, sharded_store

FOUR = Model("four", "fingerprint-of-four", 4)
"""The model whose vectors the tests write: four numbers."""

STORES: Mapping[str, Callable[[Path], Store]] = {
    "embedded": lambda folder: FolderStore(folder / "data", exact_limit=50_000),
    "embedded, by graph": lambda folder: FolderStore(folder / "data", exact_limit=8),
    "memory": lambda folder: MemoryStore(folder / "uploads"),
    "postgresql": postgres_store,
    "postgresql, two shards": sharded_store,
    "postgresql, by graph": lambda folder: postgres_store(
        folder, exact_limit=8, enable_seqscan="off", enable_sort="off"
    ),
}
"""Makes an empty store in an empty folder."""


def made(stores: Mapping[str, Callable[[Path], Store]]) -> list[Any]:
    """The parameters of a fixture that makes each of these stores."""
    on_servers = [name for name in stores if name.startswith("postgresql")]
    return [
        pytest.param(make, id=name, marks=pytest.mark.scale if name in on_servers else ())
        for name, make in stores.items()
    ]


@pytest.fixture(params=made(STORES))
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A store that belongs to no model."""
    with closing(request.param(tmp_path)) as store:
        yield store


@pytest.fixture(scope="module", params=made(STORES))
def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    """A store that belongs to the model FOUR, for tests of a module that only read it."""
    with closing(request.param(tmp_path_factory.mktemp("store"))) as store:
        store.claim(FOUR)
        yield store


@pytest.fixture
def undivided(store: Store) -> Store:
    """A store that is in one place: several shards have equal vectors of their own."""
    if "," in store.name:
        pytest.skip("equal vectors are one in each shard")
    return store


@pytest.fixture
def store(empty: Store) -> Store:
    """A store that belongs to the model FOUR."""
    empty.claim(FOUR)
    return empty


@pytest.fixture
def collection(empty: Store, tmp_path: Path) -> Iterator[Collection]:
    """An empty collection, whatever the store."""
    settings = Settings.from_env({}, data=tmp_path / "data", model="fake", decode_threads=2)
    encoder = FakeEncoder()
    with closing(Collection(settings, load=lambda _: encoder, store=empty)) as collection:
        yield collection
