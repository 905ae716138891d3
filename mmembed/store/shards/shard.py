"""One of the databases of a collection."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from typing import Any

from mmembed.config.store_address import Address
from mmembed.store.postgres.connections import DatabaseConnections, Session
from mmembed.store.postgres.postgres_store import PostgresStore
from mmembed.store.postgres.shard_facts import SHARD, ShardFacts
from mmembed.store.shards.departures import DEPARTED_SQL, DEPARTURES_SQL, stay
from mmembed.store.shards.together import current_part

PLACES_SQL = """
SELECT id, path, sha256 FROM items WHERE kind = 'image' AND (path = ANY(%s) OR sha256 = ANY(%s))
"""
ALONE_SQL = """
SELECT sha256, id FROM items WHERE kind = 'caption' AND image_id IS NULL AND sha256 = ANY(%s)
"""
DEVICES_SQL = """
SELECT path, device FROM items JOIN file_marks ON item_id = id
WHERE kind = 'image' AND path = ANY(%s)
"""
NOTE_SQL = """
INSERT INTO meta VALUES (%s, %s) ON CONFLICT (key) DO UPDATE SET value = excluded.value
"""


class Shard(PostgresStore):
    """The store in one database; its files are with those of all shards."""

    def __init__(
        self,
        address: Address,
        upload_path: Callable[[str, str], str | None],
        *,
        exact_limit: int,
        recall: float,
    ) -> None:
        """upload_path: where an upload lies in the collection; see PostgresStore."""
        self._upload_path = upload_path
        self._open(address, exact_limit, recall)

    def upload_path(self, path: str, sha256: str) -> str | None:
        """See PostgresStore.upload_path."""
        return self._upload_path(path, sha256)

    @property
    def connections(self) -> DatabaseConnections:
        """To this database."""
        return self._connections

    @property
    def is_empty(self) -> bool:
        """Whether no collection has begun here."""
        return self.model() is None and not self.newest_item()

    def number_from(self, sql: str) -> int:
        """The number that a query gives."""
        return self._number(sql)

    def note_facts(self, facts: ShardFacts) -> None:
        """Write what this database is among several."""
        with super()._changing() as session:
            session.script(DEPARTURES_SQL)
            session.run(NOTE_SQL, (SHARD, json.dumps(asdict(facts))))

    def note(self, key: str, value: str) -> None:
        """Write a value of meta."""
        with super()._changing() as session:
            session.run(NOTE_SQL, (key, value))

    @contextmanager
    def _changing(self) -> Iterator[Session]:
        part = current_part.get()
        if part is None:
            with super()._changing() as session:
                yield session
            return
        part.together.await_turn(part.place)
        with super()._changing() as session:
            part.together.locked(part.place)
            session.numbers = part.numbers
            stay(session, part)
            yield session
            part.together.await_commit(part.place)
        part.together.kept(part.place)

    def read(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """The rows of an answer."""
        return self._rows(sql, values)

    def changing(self) -> AbstractContextManager[Session]:
        """A change of this shard alone."""
        return super()._changing()

    def counted(self, column: str) -> str:
        """See ItemReader.counted: without the items that another shard has already."""
        return f"{column} NOT IN ({DEPARTED_SQL})"

    # -- where things are --------------------------------------------------------------

    def places(
        self, paths: Sequence[str], contents: Sequence[str]
    ) -> tuple[dict[str, int], set[str]]:
        """The images at these paths, by path, and which of these contents images here have."""
        rows = self._rows(PLACES_SQL, (list(paths), list(contents)))
        wanted = set(paths)
        known = {str(path): int(item_id) for item_id, path, _ in rows if path in wanted}
        return known, {str(sha256) for *_, sha256 in rows} & set(contents)

    def ids_among(self, item_ids: Sequence[int]) -> set[int]:
        """The given items that are here."""
        rows = self._rows("SELECT id FROM items WHERE id = ANY(%s)", (list(item_ids),))
        return {int(item_id) for (item_id,) in rows}

    def captions_alone(self, contents: Sequence[str]) -> dict[str, int]:
        """The captions here that belong to no image and have one of these contents, by sha256."""
        rows = self._rows(ALONE_SQL, (list(contents),))
        return {str(sha256): int(item_id) for sha256, item_id in rows}

    def failed_among(self, paths: Sequence[str]) -> set[str]:
        """The given paths that have a failure here."""
        sql = "SELECT path FROM failures WHERE path = ANY(%s)"
        return {str(path) for (path,) in self._rows(sql, (list(paths),))}

    def devices_of(self, paths: Sequence[str]) -> dict[str, int]:
        """The devices of images' files, by path."""
        return {str(path): int(device) for path, device in self._rows(DEVICES_SQL, (list(paths),))}
