"""DatabaseConnections to a PostgreSQL database. Owns psycopg, and translates its errors."""

from __future__ import annotations

import os
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.types import TypeInfo

from mmembed.config.store_address import Address
from mmembed.errors import StoreBusy, StoreError
from mmembed.store.postgres.connection_options import FIXED, options_of
from mmembed.store.postgres.database_errors import is_lost, translated
from mmembed.store.postgres.halfvec import Half, HalfDumper
from mmembed.store.postgres.standby import heeding_standby

MOST = 16
"""DatabaseConnections of a process at a time, besides those that hold a purpose."""
WAIT_S = 30.0
"""Seconds that a statement waits for one of them, and a change for the changes of others."""


NOTICED_S = 5
"""Seconds after which the server ends a long statement whose process is gone. Unless told so, it
would go on building a graph for an hour."""


class Session:
    """A connection in use."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.numbers: Callable[[str, Sequence[str]], list[int]] | None = None
        """Gives new rows of a table their ids, by keys; None where the table does so itself."""

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Every row of an answer."""
        rows: list[tuple[Any, ...]] = self._execute(sql, values).fetchall()
        return rows

    def run(self, sql: str, values: Sequence[object] = ()) -> int:
        """Run a statement without an answer; returns how many rows it changed."""
        return int(self._execute(sql, values).rowcount)

    def script(self, sql: str) -> None:
        """Run statements without values."""
        self._connection.execute(sql)

    def many(self, sql: str, values: Sequence[Sequence[object]]) -> None:
        """Run a statement once for each of these, in one journey to the server."""
        if values:
            self._connection.cursor().executemany(sql, values)

    def insert(
        self,
        into: str,
        rows: Sequence[Sequence[object]],
        after: str = "",
        *,
        keys: Sequence[str] = (),
    ) -> list[tuple[Any, ...]]:
        """Insert rows in their order with one statement, whose triggers then run once.

        into: the table and its typed columns: `tags (item_id bigint, tag text)`. after: what
        follows the values, such as RETURNING, whose rows are returned. keys: for `numbers`.
        """
        if not rows:
            return []
        if keys and self.numbers is not None:
            ids = self.numbers(into.partition(" ")[0], keys)
            into = into.replace("(", "(id bigint, ", 1)
            rows = [(number, *row) for number, row in zip(ids, rows, strict=True)]
        # A column is one bound value: psycopg takes longer for a mark than the server for a field.
        table, columns = into.rstrip(")").split(" (")
        named = [column.partition(" ") for column in columns.split(", ")]
        names = ", ".join(name for name, _, _ in named)
        arrays = ", ".join(
            f"{'%b' if of_type == 'halfvec' else '%s'}::{of_type}[]" for _, _, of_type in named
        )
        into = f"INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE"
        sql = f"{into} SELECT * FROM unnest({arrays}) {after}"
        cursor = self._execute(sql, [list(column) for column in zip(*rows, strict=True)])
        return cursor.fetchall() if "RETURNING" in after else []

    def _execute(self, sql: str, values: Sequence[object]) -> Any:
        return self._connection.execute(sql, tuple(values), binary=True)

    def cancel(self) -> None:
        """End the statement that another thread runs here. If that fails, nothing happens."""
        with suppress(psycopg.Error):
            self._connection.cancel_safe(timeout=5.0)


class DatabaseConnections:
    """The connections of a store, opened when needed. Any thread may ask.

    A connection that was lost is replaced by the next statement.
    """

    def __init__(self, address: Address) -> None:
        """Opens nothing. Raises StoreError for an address that libpq does not know."""
        self.address = address
        self._options = options_of(address)
        self._path: str | None = None
        self._half: Any = None
        # The last one that was given back comes first.
        self._idle: deque[Any] = deque()
        self._places = threading.BoundedSemaphore(MOST)
        self.is_closed = False
        self.named = "mmembed"
        """The name under which the server shows these connections."""
        self.check: Callable[[Session], None] | None = None
        """Looks at each new connection; its errors refuse it."""

    def show_as(self, named: str) -> None:
        """Have the server show another name for these connections."""
        self.named = named
        self._drop_idle()

    def prepare(self, *path: str) -> None:
        """Have later connections look for tables and types in these schemas. Raises
        psycopg.Error."""
        # PostgreSQL's own schema comes before these: nobody can put functions in front of its own.
        self._path = ", ".join(f'"{schema}"' for schema in path)
        with self._taken() as connection:
            connection.execute("SELECT set_config('search_path', %s, false)", (self._path,))
            self._half = TypeInfo.fetch(connection, "halfvec")
        self._drop_idle()

    def close(self) -> None:
        """Close the idle connections now, and those in use when they are given back."""
        self.is_closed = True
        self._drop_idle()

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Every row of an answer, asked for again if the connection was lost. Raises StoreError."""
        with self.translating("cannot be read"):
            try:
                with self._session() as session:
                    return session.rows(sql, values)
            except psycopg.OperationalError as error:
                if not is_lost(error):
                    raise
            with self._session() as session:
                return session.rows(sql, values)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A connection for several statements, each a transaction. Raises psycopg.Error, which
        `translating` translates."""
        with self._session() as session:
            yield session

    @contextmanager
    def transaction(self, *, lock_key: int | None = None, limit_ms: int = 0) -> Iterator[Session]:
        """A transaction for the length of the block; the block's errors undo it.

        lock_key: of an advisory lock that is held for as long. limit_ms: milliseconds that one
        statement may take; 0 for any time.
        """
        with self._begun() as session:
            if limit_ms:
                session.run(f"SET LOCAL statement_timeout = {int(limit_ms)}")
            if lock_key is not None:
                session.run(f"SET LOCAL lock_timeout = '{int(WAIT_S)}s'")
                session.run("SELECT pg_advisory_xact_lock(%s::bigint)", (lock_key,))
                session.run("SET LOCAL lock_timeout = 0")
            yield session

    @contextmanager
    def _begun(self) -> Iterator[Session]:
        with self._taken() as connection:
            try:
                connection.execute("BEGIN")
            except psycopg.OperationalError:
                self._drop_idle()  # all of them were lost at once, most likely
                connection = None
            if connection is not None:
                yield from self._ended(connection)
                return
        with self._taken() as connection:
            connection.execute("BEGIN")
            yield from self._ended(connection)

    def _ended(self, connection: Any) -> Iterator[Session]:
        try:
            yield Session(connection)
            with heeding_standby(connection, self.address.name):
                connection.execute("COMMIT")
        except BaseException:
            with suppress(psycopg.Error):
                if not connection.closed:
                    connection.execute("ROLLBACK")
            raise

    @contextmanager
    def alone(self, purpose: str) -> Iterator[Session]:
        """A connection of its own, which others see under this purpose, and which no limit on
        connections holds up. Its statement ends within seconds of this process."""
        with self.translating("cannot be reached"):
            connection = self._connect(
                f"mmembed {os.getpid()}@{socket.gethostname()[:20]} {purpose}"
            )
            with suppress(psycopg.Error):  # a server on Windows does not know it
                connection.execute(f"SET client_connection_check_interval = '{NOTICED_S}s'")
        try:
            yield Session(connection)
        finally:
            connection.close()

    @contextmanager
    def translating(self, doing: str) -> Iterator[None]:
        """Translate errors of the database. doing: completes «the database …» in messages."""
        try:
            yield
        except psycopg.Error as error:
            raise translated(error, f"{self.address.name}: the database {doing}") from error

    def is_canceled(self, error: BaseException | None) -> bool:
        """Whether a statement was ended before its time."""
        return isinstance(error, psycopg.errors.QueryCanceled)

    def is_lock_timeout(self, error: BaseException) -> bool:
        """Whether a statement waited for a lock for too long."""
        return isinstance(error, psycopg.errors.LockNotAvailable)

    # -- taking and giving back ------------------------------------------------------

    @contextmanager
    def _session(self) -> Iterator[Session]:
        with self._taken() as connection:
            yield Session(connection)

    @contextmanager
    def _taken(self) -> Iterator[Any]:
        if not self._places.acquire(timeout=WAIT_S):
            raise StoreBusy(
                f"{self.address.name}: all {MOST} connections of this process were in use for "
                f"{WAIT_S:g} s; try again later"
            )
        try:
            connection = self._idle_one() or self._connect(self.named)
            try:
                yield connection
            finally:
                self._give_back(connection)
        finally:
            self._places.release()

    def _idle_one(self) -> Any:
        with suppress(IndexError):
            while True:
                connection = self._idle.pop()
                if not connection.closed:
                    return connection
        return None

    def _give_back(self, connection: Any) -> None:
        if connection.closed:
            self._drop_idle()
        elif self.is_closed or connection.info.transaction_status != TransactionStatus.IDLE:
            connection.close()
        else:
            self._idle.append(connection)

    def _drop_idle(self) -> None:
        with suppress(IndexError):
            while True:
                self._idle.pop().close()

    def _connect(self, named: str) -> Any:
        if self.is_closed:
            raise StoreError(f"{self.address.name}: the store is closed")
        options = {**self._options, "application_name": named[:60]}
        connection = psycopg.connect(**options, autocommit=True)
        try:
            settings = {**FIXED, **({"search_path": self._path} if self._path else {})}
            if self._half is not None:
                self._half.register(connection)
                dumper = type("HalfDumper", (HalfDumper,), {"oid": self._half.oid})
                connection.adapters.register_dumper(Half, dumper)
                each = ", ".join("set_config(%s, %s, false)" for _ in settings)
                pairs = [text for pair in settings.items() for text in pair]
                connection.execute(f"SELECT {each}", pairs)
            if self.check is not None:
                self.check(Session(connection))
        except BaseException:
            connection.close()
            raise
        return connection
