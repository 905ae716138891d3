"""A store in a schema that lasts as long as the store is open."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from mmembed.errors import StoreError
from mmembed.store.protocol import Store
from tests.postgres_server import address


def postgres_store(
    folder: Path, *, exact_limit: int = 50_000, objects: str = "", **options: Any
) -> Store:
    """An empty store, whose schema is dropped when it is closed. objects: address of an object
    store for its files. options: settings of its connections. Skips the test where there is no
    server."""
    at = address(**options)
    from mmembed.store.postgres.postgres_store import PostgresStore  # psycopg may be missing

    class TemporaryStore(PostgresStore):
        def close(self) -> None:
            drop_schema(self._connections)
            super().close()

    return TemporaryStore(at, folder / "data", exact_limit=exact_limit, objects=objects)


def sharded_store(folder: Path, *, shards: int = 2, exact_limit: int = 50_000) -> Store:
    """An empty store in several schemas, which are dropped when it is closed. Skips the test where
    there is no server."""
    addresses = [address() for _ in range(shards)]
    from mmembed.config.store_address import address_of
    from mmembed.store.shards.sharded_store import ShardedStore

    class TemporaryShards(ShardedStore):
        def close(self) -> None:
            for door in self._doors:
                if not hasattr(self, "identity"):
                    break
                with suppress(StoreError):
                    drop_schema(door.shard().connections)
            super().close()

    return TemporaryShards(
        [address_of(at) for at in addresses], folder / "data", exact_limit=exact_limit
    )


def drop_schema(connections: Any) -> None:
    """Delete all tables of a store, once."""
    if not connections.is_closed:
        with connections.transaction() as session:
            session.run("SET LOCAL client_min_messages = error")
            session.run(f'DROP SCHEMA IF EXISTS "{connections.address.schema}" CASCADE')
