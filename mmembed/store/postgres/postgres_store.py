"""The store in a PostgreSQL database with pgvector; its files lie in a folder beside it."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from pathlib import Path

from mmembed.config.store_address import Address, address_of
from mmembed.errors import MmembedError, StoreError
from mmembed.store.blob_protocol import Blobs
from mmembed.store.entries import Trouble
from mmembed.store.postgres.collection_files import blobs_of, folder_of_files
from mmembed.store.postgres.integrity import Integrity
from mmembed.store.postgres.nearest import MOST_SCANNED
from mmembed.store.postgres.search import VectorSearch
from mmembed.store.postgres.shard_facts import SHARD, ShardFacts, watch_facts
from mmembed.store.postgres.statements import Statements
from mmembed.store.postgres.word_queries import StoredWords
from mmembed.store.postgres.word_rows import rebuild_words
from mmembed.store.postgres.work_pieces import PostgresPieces
from mmembed.store.postgres.write_items import StoreWriter
from mmembed.store.postgres.write_records import RecordWriter
from mmembed.store.vectors import RECALL


class PostgresStore(StoreWriter, RecordWriter, VectorSearch, StoredWords, Integrity):
    """A collection in a database; see Store. Any number of processes may have it open."""

    def __init__(
        self,
        address: str,
        folder: Path,
        *,
        exact_limit: int,
        recall: float = RECALL,
        objects: str = "",
    ) -> None:
        """address: `postgresql://…`. folder: in which uploads and thumbnails have a folder;
        processes on several machines need the same one, unless `objects` is given: the address of
        an object store that holds them, such as `s3://bucket`. exact_limit: up to so many vectors
        of a kind are searched without an HNSW graph, but at most MOST_SCANNED. recall: the share
        of the nearest ten vectors that a graph must find.

        Raises InputError for an address that is none, StoreError if the database cannot be used.
        """
        self._objects = objects
        self._open(address_of(address), exact_limit, recall)
        try:
            self._check_alone()
            watch_facts(self._connections, self.identity, None)
            self.folder = folder_of_files(folder, self.identity, self.name)
        except BaseException:
            self.close()
            raise

    def _open(self, address: Address, exact_limit: int, recall: float) -> None:
        VectorSearch.__init__(self)
        self.exact_limit = min(exact_limit, MOST_SCANNED)
        self.recall = recall
        Statements.__init__(self, address)

    def shard_facts(self) -> ShardFacts | None:
        """The place of the database among several; None where it holds a collection by itself."""
        rows = self._rows("SELECT value FROM meta WHERE key = %s", (SHARD,))
        return ShardFacts(**json.loads(rows[0][0])) if rows else None

    def _check_alone(self) -> None:
        facts = self.shard_facts()
        if facts is not None:
            raise StoreError(
                f"{self.name}: is database {facts.number} of the {facts.count} of one collection; "
                "give the addresses of all, with commas between"
            )

    @cached_property
    def blobs(self) -> Blobs:
        """See Store.blobs."""
        return blobs_of(self, self._objects)

    @cached_property
    def pieces(self) -> PostgresPieces:
        """See Store.pieces."""
        return PostgresPieces(self._connections, self.joining)

    def upload_path(self, path: str, sha256: str) -> str | None:
        """Where an upload lies in this store; None for a path that is no upload."""
        return self.blobs.upload_path(path, sha256)

    def rebuild(self) -> None:
        """See Search.rebuild. Raises StoreBusy."""
        self.build_graphs(anew=True)
        with self._changing() as session:
            rebuild_words(session)

    def troubles(self) -> list[Trouble]:
        """See Store.troubles."""
        try:
            [(standby, read_only)] = self._connections.rows(
                "SELECT pg_is_in_recovery(), current_setting('transaction_read_only')::boolean"
            )
        except MmembedError as error:
            return [Trouble("unreadable", str(error))]
        if standby or read_only:
            return [Trouble("read_only", f"{self.name}: may not be written")]
        return []

    def notes(self) -> tuple[str, ...]:
        """See Store.notes: a database that has faults does not answer."""
        return ()

    def partially(self) -> AbstractContextManager[dict[str, None]]:
        """See Store.partially: a database is there as a whole."""
        return nullcontext({})

    # -- what its files need of a store ----------------------------------------------

    def check_place(self) -> None:
        """Raises StoreError if the database cannot be asked: files that no item seems to have may
        then be the last copies."""
        self._connections.rows("SELECT 1")

    def ready_upload_lock(self, sha256: str) -> None:
        """A lock in the database needs no room."""
