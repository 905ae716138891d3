"""Reads and changes of a store: who waits for whom, for how long, and what a failure says."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from mmembed.cancellation import Caller, current_caller
from mmembed.config.store_address import Address
from mmembed.errors import Abandoned, Overloaded, QueryError, StoreBusy, Unstorable
from mmembed.filters.tree import EVERYTHING, Where
from mmembed.store.postgres.connections import DatabaseConnections, Session
from mmembed.store.postgres.database_errors import is_beyond_rows
from mmembed.store.postgres.open_database import key_of, open_database
from mmembed.store.protocol import Purpose

LIMIT_S = 30.0
"""Seconds that a filtered statement of a request may run. The command line waits for any time."""
MOST_SLOW = 8
"""Such statements at once, fewer than there are connections: other reads never wait for them."""
CHECK_S = 0.1
SAID: dict[Purpose, str] = {
    "indexing": "indexing",
    "publishing": "publishing",
    "uploading": "keeping an upload",
}
HOLDER_SQL = """
SELECT application_name, coalesce(client_addr::text, 'the server itself')
FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND granted AND objsubid = 1
  AND classid::bigint = (%s::bigint >> 32) & 4294967295
  AND objid::bigint = %s::bigint & 4294967295
"""


class Statements:
    """An open database."""

    def __init__(self, address: Address, *, limit_s: float = LIMIT_S) -> None:
        """limit_s: seconds for a filtered statement of a request. Raises StoreError."""
        self._limit_s = limit_s
        self._connections = DatabaseConnections(address)
        self._slow = threading.BoundedSemaphore(MOST_SLOW)
        try:
            open_database(self._connections)
        except BaseException:
            self._connections.close()
            raise
        self._identity = str(self._rows("SELECT value FROM meta WHERE key = 'collection'")[0][0])

    @property
    def name(self) -> str:
        """See Store.name."""
        return self._connections.address.name

    @property
    def identity(self) -> str:
        """See Store.identity."""
        return self._identity

    def close(self) -> None:
        """Close all connections."""
        self._connections.close()

    # -- reading ---------------------------------------------------------------------

    def _rows(
        self, sql: str, values: Sequence[object] = (), *, where: Where = EVERYTHING
    ) -> list[tuple[Any, ...]]:
        """where: the filter that is part of the statement, and may make it slow: such a statement
        may also raise Abandoned, QueryError, Overloaded."""
        try:
            if where == EVERYTHING:
                return self._connections.rows(sql, values)
            with self._reading(where) as session:
                return session.rows(sql, values)
        except UnicodeEncodeError:
            return []  # a text that no row can hold
        except Unstorable as error:
            if not is_beyond_rows(error.__cause__):
                raise
            return []

    def _number(self, sql: str, values: Sequence[object] = (), *, where: Where = EVERYTHING) -> int:
        rows = self._rows(sql, values, where=where)
        return int(rows[0][0] or 0) if rows else 0

    @contextmanager
    def _reading(self, where: Where = EVERYTHING) -> Iterator[Session]:
        """A session for several reads. With a filter, each of them ends when the caller leaves, and
        after some time, unless the caller is patient. Raises Abandoned, QueryError, Overloaded."""
        caller = current_caller()
        with self._connections.translating("cannot be read"):
            if where == EVERYTHING or caller.patient:
                with self._connections.transaction() as session:
                    yield session
                return
            with self._turn(caller):
                try:
                    limit_ms = int(self._limit_s * 1000)
                    with (
                        self._connections.transaction(limit_ms=limit_ms) as session,
                        _watched(caller, session),
                    ):
                        yield session
                except Exception as error:
                    if self._connections.is_canceled(error):
                        raise self._ended(caller) from error
                    raise

    @contextmanager
    def _turn(self, caller: Caller) -> Iterator[None]:
        if not self._slow.acquire(timeout=self._limit_s):
            raise Overloaded(
                f"slow filters of other requests took {self._limit_s:g} s; try again later",
                self._limit_s,
            )
        try:
            caller.check()
            yield
        finally:
            self._slow.release()

    def _ended(self, caller: Caller) -> Exception:
        if caller.left:
            return Abandoned("the caller left before the answer")
        return QueryError(
            f"the filter took longer than {self._limit_s:g} s, the limit; give it fewer "
            "conditions, or conditions with `=` in place of `~`, or index its fields of manifests "
            "with `mmembed fields --index`",
            param="where",
        )

    # -- writing ---------------------------------------------------------------------

    @contextmanager
    def _changing(self) -> Iterator[Session]:
        """One change, a transaction. Changes of all processes follow on each other, so that the
        numbers of changes rise in the order in which they can be seen. Raises StoreBusy,
        StoreFull, Unstorable, StoreError."""
        try:
            with (
                self._connections.translating("did not keep the change"),
                self._connections.transaction(lock_key=key_of(self._identity)) as session,
            ):
                yield session
        except (UnicodeEncodeError, OverflowError) as error:
            raise Unstorable(
                f"{self.name}: the database did not keep the change: {error}"
            ) from error

    @contextmanager
    def exclusive(self, purpose: Purpose, *, part: str = "", wait_s: float = 0) -> Iterator[None]:
        """See Store.exclusive. An advisory lock of a connection of its own: the server frees it
        when the process dies, and when its machine does not answer any more."""
        key = key_of(self._identity, purpose, part)
        with self._connections.alone(SAID[purpose]) as session:
            with self._connections.translating("cannot be locked"):
                self._lock(session, key, purpose, wait_s)
            yield

    @contextmanager
    def joining(self, wait_s: float = 0) -> Iterator[None]:
        """See Pieces.joining: any number of processes share the lock of the purpose."""
        key = key_of(self._identity, "indexing", "")
        with self._connections.alone(SAID["indexing"]) as session:
            with self._connections.translating("cannot be locked"):
                self._lock(session, key, "indexing", wait_s, shared="_shared")
            yield

    def _lock(
        self, session: Session, key: int, purpose: Purpose, wait_s: float, shared: str = ""
    ) -> None:
        if session.rows(f"SELECT pg_try_advisory_lock{shared}(%s::bigint)", (key,)) == [(True,)]:
            return
        try:
            session.run(f"SET lock_timeout = {max(1, int(1000 * min(wait_s, 10**6)))}")
            session.run(f"SELECT pg_advisory_lock{shared}(%s::bigint)", (key,))
        except Exception as error:
            if not self._connections.is_lock_timeout(error):
                raise
            rows = session.rows(HOLDER_SQL, (key, key))
            holder = f"{rows[0][0]}, at {rows[0][1]}" if rows else "which has just ended"
            raise StoreBusy(
                f"{self.name}: another process is at work here, {SAID[purpose]} ({holder}); wait "
                "for it to end, or stop it"
            ) from error


@contextmanager
def _watched(caller: Caller, session: Session) -> Iterator[None]:
    """End the statements of the block when the caller leaves."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(CHECK_S):
            if caller.left:
                session.cancel()

    thread = threading.Thread(target=watch, name="mmembed-slow-reads", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()  # a late cancel must not reach the connection's next statement
