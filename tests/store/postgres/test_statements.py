"""A database that goes away and comes back, others that are at work in it, and slow filters."""

from __future__ import annotations

import hashlib
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmembed.cancellation import Caller, working_for
from mmembed.errors import Abandoned, QueryError, StoreBusy, StoreError, Unstorable
from mmembed.filters.parse import parse_where
from mmembed.store.entries import ImageEntry, Model
from tests.postgres_server import address, new_schema

pytest.importorskip("psycopg", reason="psycopg is not installed: pip install mmembed[postgres]")

from mmembed.store.postgres.open_database import open_database
from mmembed.store.postgres.postgres_store import PostgresStore

pytestmark = pytest.mark.scale
FOUR = Model("four", "fingerprint-of-four", 4)
LONG = "/" + "".join(hashlib.sha512(b"%d" % n).hexdigest() for n in range(99))
"""Longer than an index takes."""
SLOW = parse_where("path~zz")
KILL_SQL = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE pid <> pg_backend_pid() AND application_name LIKE 'mmembed%%' AND state <> 'active'
"""


def entry(path: str, **more: Any) -> ImageEntry:
    row = np.array([1, 0, 0, 0], dtype=np.float32)
    values = {"sha256": f"content of {path}", "width": 1, "height": 1, "bytes": 1, "format": "PNG"}
    return ImageEntry(path=path, embedding=row, mtime_ns=7, **{**values, **more})


def cut_connections(store: Any) -> None:
    """End every connection of the store, as a server does that is started anew."""
    with store._connections.alone("a test") as session:
        session.rows(KILL_SQL)
    time.sleep(0.1)


def test_a_lost_connection_is_replaced(postgres: Any) -> None:
    postgres.write([entry("/a")])
    cut_connections(postgres)
    assert postgres.count() == 1
    cut_connections(postgres)
    postgres.write([entry("/b")])
    cut_connections(postgres)
    assert postgres.troubles() == []
    assert postgres.count("image", parse_where("path:b")) == 1


def test_a_change_that_loses_its_connection_is_not_kept(postgres: Any) -> None:
    def change() -> None:
        with postgres._changing() as session:
            session.run("DELETE FROM meta")
            session.rows("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(StoreError, match="mmembed connects anew"):
        change()
    assert postgres.model() == FOUR


def test_a_server_that_is_not_there_is_named_without_the_password(tmp_path: Path) -> None:
    at = "postgresql://ann:s3cret@127.0.0.1:1/photos?connect_timeout=2"
    with pytest.raises(StoreError, match="make sure that the server runs") as raised:
        PostgresStore(at, tmp_path, exact_limit=9)
    assert "postgresql://127.0.0.1:1/photos" in str(raised.value)
    assert "s3cret" not in str(raised.value)
    at = "postgresql://ann:s3%ret@h/d?nonsense=s3cret"
    with pytest.raises(StoreError, match="libpq does not understand") as raised:
        PostgresStore(at, tmp_path, exact_limit=9)
    assert "s3" not in str(raised.value)


def test_a_newer_layout_is_refused(postgres: Any) -> None:
    with postgres._changing() as session:
        session.run("UPDATE meta SET value = '99' WHERE key = 'layout'")
    with pytest.raises(StoreError, match="update mmembed"):
        open_database(postgres._connections)


def test_tables_of_another_program_are_left_alone(postgres: Any) -> None:
    with postgres._changing() as session:
        session.run("DELETE FROM meta WHERE key = 'layout'")
    with pytest.raises(StoreError, match=r"\?schema=NAME"):
        open_database(postgres._connections)


def test_a_role_needs_no_right_to_make_schemas_where_its_own_is_there(
    postgres: Any, tmp_path: Path
) -> None:
    schema, role = new_schema(), f"role_{new_schema()[-12:]}"
    with postgres._connections.session() as session:
        [(superuser,)] = session.rows("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        if not superuser:
            pytest.skip("roles cannot be made here")
        session.script(f"CREATE ROLE {role} LOGIN; CREATE SCHEMA {schema} AUTHORIZATION {role}")
    try:
        at = address(schema, role=role)  # what it may do is what the role may
        with closing(PostgresStore(at, tmp_path, exact_limit=9)) as store:
            assert store._rows("SELECT current_user::text") == [(role,)]
            assert store.count() == 0
    finally:
        with postgres._connections.session() as session:
            session.script("SET client_min_messages = error")
            session.script(f"DROP SCHEMA {schema} CASCADE; DROP ROLE {role}")


def test_two_processes_make_the_tables_once(tmp_path: Path) -> None:
    at = address(new_schema())
    stores: list[PostgresStore] = []

    def opened() -> None:
        stores.append(PostgresStore(at, tmp_path, exact_limit=9))

    threads = [threading.Thread(target=opened) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    try:
        assert len({store.identity for store in stores}) == 1
        assert len(stores) == 4
    finally:
        with stores[0]._connections.transaction() as session:
            session.run("SET LOCAL client_min_messages = error")
            session.run(f'DROP SCHEMA "{stores[0]._connections.address.schema}" CASCADE')
        for store in stores:
            store.close()


def test_another_store_of_the_database_sees_changes_and_purposes(
    postgres: Any, tmp_path: Path
) -> None:
    at = postgres._connections.address
    other_address = f"{at.connect}{'&' if '?' in at.connect else '?'}schema={at.schema}"
    with closing(PostgresStore(other_address, tmp_path / "o", exact_limit=9)) as other:
        postgres.write([entry("/a")])
        assert other.count() == 1
        assert other.identity == postgres.identity
        with (
            postgres.exclusive("indexing"),
            pytest.raises(StoreBusy, match=r"indexing \(mmembed \d+@.* indexing, at "),
            other.exclusive("indexing", wait_s=0.2),
        ):
            pytest.fail("two at once")


def test_a_text_that_no_row_can_hold_is_refused_alone(postgres: Any) -> None:
    for path in ("/a\0b", "/\udce4", LONG):
        with pytest.raises(Unstorable):
            postgres.write([entry("/whole"), entry(path, sha256="it")])
    assert postgres.count() == 0
    assert postgres.images_at(["/a\0b", "/\udce4"]) == {}


def test_a_slow_filter_ends(postgres: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = "SELECT pg_sleep(20)"
    monkeypatch.setattr(postgres, "_limit_s", 0.3)
    with working_for(Caller()), pytest.raises(QueryError, match=r"longer than 0\.3 s"):
        postgres._rows(slow, where=SLOW)
    monkeypatch.setattr(postgres, "_limit_s", 30.0)
    caller = Caller()
    threading.Timer(0.3, caller.leave).start()
    begun = time.monotonic()
    with working_for(caller), pytest.raises(Abandoned):
        postgres._rows(slow, where=SLOW)
    assert time.monotonic() < begun + 10
    assert postgres.count() == 0  # the connection serves on
