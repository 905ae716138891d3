"""The processor time of a PostgreSQL server on this machine."""

from __future__ import annotations

import contextlib
from types import TracebackType

import psutil
import psycopg


class ServerClock:
    """Reads what all processes of a server have used; it connects to it for the block."""

    def __init__(self, address: str) -> None:
        """address: as libpq takes it."""
        self._connection = psycopg.connect(address, autocommit=True)
        pid = self._connection.info.backend_pid
        parent = psutil.Process(pid).parent()
        if parent is None:
            raise ProcessLookupError(f"{address}: its server does not run on this machine")
        self._postmaster = parent

    def seconds(self) -> float:
        """User and system time since the server started, of ended processes, too."""
        ended = self._postmaster.cpu_times()
        total = float(ended.children_user + ended.children_system)
        for process in self._postmaster.children():
            with contextlib.suppress(psutil.NoSuchProcess):
                spent = process.cpu_times()
                total += spent.user + spent.system
        return total

    def __enter__(self) -> ServerClock:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()
