"""Opens a database: its extension is new enough, and its tables are those of this version."""

from __future__ import annotations

import re
import uuid
from hashlib import blake2b

from mmembed.errors import StoreError
from mmembed.store.postgres.connections import DatabaseConnections, Session
from mmembed.store.postgres.schema import STEPS

OLDEST_PGVECTOR = (0, 8, 2)
"""Earlier versions corrupt memory when they build a graph in parallel (CVE-2026-3172)."""
EXTENSION_SQL = """
SELECT extversion, nspname FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace
WHERE extname = 'vector'
"""


def open_database(connections: DatabaseConnections) -> None:
    """Bring the tables of a database to this version's layout, which an empty database gets.

    Raises StoreError where that cannot be; StoreBusy while another process does it for too long.
    """
    schema, name = connections.address.schema, connections.address.name
    with connections.translating("cannot be opened"), connections.session() as session:
        _check_version(_extension(session, name)[0], name)
        where = _extension(session, name)[1]
    with connections.translating("cannot be opened"):
        connections.prepare(schema, where)
        known = _layout(connections, schema)
        if known < len(STEPS):
            _make_layout(connections, schema, name)
        elif known > len(STEPS):
            raise StoreError(
                f"{name}: its tables are of a newer version of mmembed (layout {known}, this "
                f"version knows {len(STEPS)}); update mmembed on this machine"
            )


def key_of(*parts: str) -> int:
    """The number of an advisory lock, signed 64 bits."""
    digest = blake2b("\0".join(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _extension(session: Session, name: str) -> tuple[str, str]:
    """The version and the schema of pgvector, which is installed where that is allowed."""
    rows = session.rows(EXTENSION_SQL)
    if not rows:
        available = session.rows("SELECT 1 FROM pg_available_extensions WHERE name = 'vector'")
        if not available:
            raise StoreError(
                f"{name}: the server lacks the extension pgvector; install it there (such as "
                "postgresql-18-pgvector), then try again"
            )
        session.run("CREATE EXTENSION IF NOT EXISTS vector")
        rows = session.rows(EXTENSION_SQL)
    return str(rows[0][0]), str(rows[0][1])


def _check_version(version: str, name: str) -> None:
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:3])
    if numbers < OLDEST_PGVECTOR:
        least = ".".join(map(str, OLDEST_PGVECTOR))
        raise StoreError(
            f"{name}: pgvector {version} is too old, {least} is needed; install it, then run "
            "ALTER EXTENSION vector UPDATE"
        )


def _layout(connections: DatabaseConnections, schema: str) -> int:
    """The number of the layout; 0 where there are no tables."""
    table = f'"{schema}".meta'
    if connections.rows("SELECT to_regclass(%s)::text", (table,)) == [(None,)]:
        return 0
    rows = connections.rows(f"SELECT value FROM {table} WHERE key = 'layout'")
    if not rows:
        raise StoreError(
            f"{connections.address.name}: the schema {schema} holds tables of another program; "
            "add ?schema=NAME to the address"
        )
    return int(rows[0][0])


def _make_layout(connections: DatabaseConnections, schema: str, name: str) -> None:
    lock = key_of("layout", schema)
    with connections.transaction(lock_key=lock) as session:
        # IF NOT EXISTS needs the right to make schemas though it is there.
        if session.rows("SELECT to_regnamespace(%s)::text", (f'"{schema}"',)) == [(None,)]:
            session.run(f'CREATE SCHEMA "{schema}"')
    while True:
        with connections.transaction(lock_key=lock) as session:
            known = _layout(connections, schema)  # another process may have been first
            if known >= len(STEPS):
                return
            session.script(STEPS[known])
            _note_layout(session, known + 1)


def _note_layout(session: Session, layout: int) -> None:
    session.run(
        "INSERT INTO meta VALUES ('collection', %s) ON CONFLICT DO NOTHING", (uuid.uuid4().hex,)
    )
    session.run(
        "INSERT INTO meta VALUES ('layout', %s) "
        "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (str(layout),),
    )
