"""The store in a PostgreSQL database with pgvector; its files lie in a folder beside it."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from mmembed.config.settings import FOLDER_MARKS
from mmembed.config.store_address import address_of
from mmembed.errors import MmembedError, StoreError
from mmembed.files import PRIVATE
from mmembed.store.blobs import FolderBlobs
from mmembed.store.entries import Trouble
from mmembed.store.postgres.integrity import Integrity
from mmembed.store.postgres.nearest import MOST_SCANNED
from mmembed.store.postgres.search import VectorSearch
from mmembed.store.postgres.statements import Statements
from mmembed.store.postgres.word_queries import StoredWords
from mmembed.store.postgres.word_rows import rebuild_words
from mmembed.store.postgres.work_pieces import PostgresPieces
from mmembed.store.postgres.write_items import StoreWriter
from mmembed.store.protocol import Blobs
from mmembed.store.vectors import RECALL


class PostgresStore(StoreWriter, VectorSearch, StoredWords, Integrity):
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
        VectorSearch.__init__(self)
        self.exact_limit = min(exact_limit, MOST_SCANNED)
        self.recall = recall
        self._objects = objects
        Statements.__init__(self, address_of(address))
        try:
            self.folder = _made(folder, self.identity, self.name)
        except BaseException:
            self.close()
            raise

    @cached_property
    def blobs(self) -> Blobs:
        """See Store.blobs."""
        if not self._objects:
            return FolderBlobs(self)
        from mmembed.store.object_blobs import ObjectBlobs  # its library takes time to load

        return ObjectBlobs(self, f"{self._objects.rstrip('/')}/{_own_folder(self.identity)}")

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

    # -- what its files need of a store ----------------------------------------------

    def check_place(self) -> None:
        """Raises StoreError if the database cannot be asked: files that no item seems to have may
        then be the last copies."""
        self._connections.rows("SELECT 1")

    def ready_upload_lock(self, sha256: str) -> None:
        """A lock in the database needs no room."""


def _own_folder(identity: str) -> str:
    return f"database-{identity[:16]}"


def _made(data: Path, identity: str, name: str) -> Path:
    """The folder of the files of a collection: no two collections share one, since each deletes
    what none of its items needs."""
    folder = data / _own_folder(identity)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / FOLDER_MARKS[1]).touch(mode=PRIVATE)
    except OSError as error:
        raise StoreError(
            f"{folder}: the folder for uploads and thumbnails of {name} cannot be made: "
            f"{error.strerror}; choose another one with --data"
        ) from error
    return folder
