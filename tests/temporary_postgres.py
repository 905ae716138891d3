"""A store in a schema that lasts as long as the store is open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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
            if not self._connections.is_closed:
                schema = self._connections.address.schema
                with self._connections.transaction() as session:
                    session.run("SET LOCAL client_min_messages = error")
                    session.run(f'DROP SCHEMA "{schema}" CASCADE')
            super().close()

    return TemporaryStore(at, folder / "data", exact_limit=exact_limit, objects=objects)
