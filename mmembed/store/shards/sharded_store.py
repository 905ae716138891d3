"""The store in several databases; its files lie in a folder beside them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cached_property, partial
from pathlib import Path

from mmembed.config.store_address import Address
from mmembed.errors import MmembedError, StoreAway
from mmembed.store.blob_protocol import Blobs
from mmembed.store.entries import Trouble
from mmembed.store.pieces import Pieces
from mmembed.store.postgres.collection_files import blobs_of, folder_of_files
from mmembed.store.postgres.shard_facts import ShardFacts, watch_facts
from mmembed.store.protocol import Purpose
from mmembed.store.shards.doors import ShardDoor, check_facts, known_set
from mmembed.store.shards.move_items import Moving
from mmembed.store.shards.numbers import COUNTER, SMALLEST_SQL
from mmembed.store.shards.partial import answering_partially
from mmembed.store.shards.shard import Shard
from mmembed.store.shards.sharded_records import ShardedRecords
from mmembed.store.shards.sharded_search import ShardedSearch
from mmembed.store.shards.sharded_words import ShardedWords
from mmembed.store.shards.sharded_writer import ShardedWriter
from mmembed.store.vectors import RECALL
from mmembed.types import Progress


class ShardedStore(ShardedWriter, ShardedRecords, ShardedSearch, ShardedWords):
    """A collection in several databases; see Store. Any number of processes may have it open."""

    def __init__(
        self,
        addresses: Sequence[Address],
        folder: Path,
        *,
        exact_limit: int,
        recall: float = RECALL,
        objects: str = "",
    ) -> None:
        """addresses: of all shards, in the order of their numbers; empty databases become a set.
        Further parameters: see PostgresStore; exact_limit is for each shard.

        Raises StoreError for databases that do not belong together in this order. A shard may be
        away: then what needs it raises StoreAway.
        """
        self.name = ",".join(address.name for address in addresses)
        self._objects = objects
        self._samples = {}
        self._sampling = threading.Lock()
        count = len(addresses)
        super().__init__(
            [
                ShardDoor(
                    address,
                    number,
                    count,
                    partial(
                        Shard, address, self.upload_path, exact_limit=exact_limit, recall=recall
                    ),
                )
                for number, address in enumerate(addresses, 1)
            ]
        )
        try:
            self.identity = self._open_all()
            self.folder = folder_of_files(folder, self.identity, self.name)
        except BaseException:
            self.close()
            raise

    def _open_all(self) -> str:
        """Open the shards that can be reached; returns the identity of the collection."""
        shards: list[Shard | StoreAway] = []
        for door in self._doors:
            try:
                shards.append(door.ask(lambda shard: shard))
            except StoreAway as error:
                shards.append(error)
        facts = known_set(self._doors, shards)
        first = shards[0]
        identity = facts.collection if facts is not None else _identity(first)
        for door in self._doors:
            door.facts = ShardFacts(identity, door.number, door.count)
        present = [shard for shard in shards if isinstance(shard, Shard)]
        if facts is None:
            self._make_set(present)
        for door, shard in zip(self._doors, shards, strict=True):
            if isinstance(shard, Shard):
                check_facts(door, shard.shard_facts())
                watch_facts(shard.connections, identity, door.facts)
        return identity

    def _make_set(self, shards: Sequence[Shard]) -> None:
        """Have the databases know that they belong together; the first one at the end, which makes
        the set whole."""
        first = shards[0]
        smallest = first.number_from(SMALLEST_SQL)
        first.note(COUNTER, str(smallest))
        for door, shard in reversed(list(zip(self._doors, shards, strict=True))):
            assert door.facts is not None
            shard.note_facts(door.facts)

    def close(self) -> None:
        """See Store.close."""
        self._threads.shutdown()
        for door in self._doors:
            door.close()

    # -- a shard that is added --------------------------------------------------------

    @property
    def doors(self) -> Sequence[ShardDoor]:
        """The shards."""
        return self._doors

    def move_to_last(self, progress: Progress, grace_s: float) -> int:
        """Move to the last shard the items that belong there; see Moving."""
        return Moving(self._doors, self._numbers, grace_s=grace_s).run(progress)

    # -- the whole -------------------------------------------------------------------

    @cached_property
    def blobs(self) -> Blobs:
        """See Store.blobs."""
        return blobs_of(self, self._objects)

    def upload_path(self, path: str, sha256: str) -> str | None:
        """Where an upload lies in this store; None for a path that is no upload."""
        return self.blobs.upload_path(path, sha256)

    @property
    def pieces(self) -> Pieces:
        """See Store.pieces: they are in the first shard."""
        return self._doors[0].ask(lambda shard: shard.pieces)

    def exclusive(
        self, purpose: Purpose, *, part: str = "", wait_s: float = 0
    ) -> AbstractContextManager[None]:
        """See Store.exclusive: a lock in the first shard."""
        return self._doors[0].shard().exclusive(purpose, part=part, wait_s=wait_s)

    def partially(self) -> AbstractContextManager[dict[str, None]]:
        """See Store.partially."""
        return answering_partially()

    def check(self) -> list[str]:
        """See Store.check."""
        faults = [
            f"{door.title}: {fault}" for door in self._doors for fault in door.ask(Shard.check)
        ]
        models = self._ask(lambda shard: shard.model())
        if len(set(models)) > 1:
            faults.append("the shards have different models")
        return faults

    def troubles(self) -> list[Trouble]:
        """See Store.troubles: of shards that are away, the others still give partial answers."""
        found: list[Trouble] = []
        away: list[str] = []
        for door in self._doors:
            try:
                found += door.ask(_troubles)
            except StoreAway as error:
                away.append(str(error))
            except MmembedError as error:
                found.append(Trouble("unreadable", str(error)))
        code = "unreadable" if len(away) == len(self._doors) else "shard_away"
        return [*found, *(Trouble(code, message) for message in away)]

    def notes(self) -> tuple[str, ...]:
        """See Store.notes: a shard that has faults does not answer."""
        return ()

    # -- what its files need of a store ----------------------------------------------

    def check_place(self) -> None:
        """Raises StoreError if a shard cannot be asked: files that no item seems to have may then
        be the last copies."""
        self._ask(lambda shard: shard.check_place())

    def ready_upload_lock(self, sha256: str) -> None:
        """A lock in the database needs no room."""


def _identity(first: Shard | StoreAway) -> str:
    assert isinstance(first, Shard)
    return first.identity


def _troubles(shard: Shard) -> list[Trouble]:
    shard.check_place()  # raises StoreAway, which names the shard
    return shard.troubles()
