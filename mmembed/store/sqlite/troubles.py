"""The known faults of an open catalog, for health checks."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from pathlib import Path

from mmembed.files import is_full, sync
from mmembed.store.entries import Trouble
from mmembed.store.sqlite.disk_reserve import Reserve
from mmembed.store.sqlite.file_identity import FileIdentity

PROBE = "probe"
PROBE_BYTES = 4096
PROBE_EVERY_S = 10.0
WRITE_FAILED = "write_failed"
FAILED_FOR_S = 60.0
"""Seconds that a failed write counts if none has succeeded since."""


class Condition:
    """Faults by the operation that found them; each is cleared when the operation succeeds."""

    def __init__(self, folder: Path, place: FileIdentity, reserve: Reserve) -> None:
        self._folder = folder
        self._place = place
        self._reserve = reserve
        self._faults: dict[str, str] = {}
        self._failed_at = 0.0
        self._probed: float | None = None
        self._lock = threading.Lock()

    def note(self, code: str, message: str | None) -> None:
        """Note the result of an operation: its fault, or None."""
        if message is None:
            self._faults.pop(code, None)
        else:
            self._faults[code] = message
        if code == WRITE_FAILED:
            self._failed_at = time.monotonic()

    def known(self, code: str) -> str | None:
        """The latest fault, or None."""
        return self._faults.get(code)

    def troubles(self, *, writable: bool) -> list[Trouble]:
        """Check again; returns all faults. writable: whether the folder should be writable."""
        self.note("moved", self._place.trouble())
        if time.monotonic() > self._failed_at + FAILED_FOR_S:
            self._faults.pop(WRITE_FAILED, None)
        if writable and not self.known("moved"):
            self._try_room()
        return [Trouble(code, message) for code, message in dict(self._faults).items()]

    def _try_room(self) -> None:
        """Write a little, but not at every check."""
        with self._lock:
            now = time.monotonic()
            if self._probed is not None and now < self._probed + PROBE_EVERY_S:
                return
            self._probed = now
            short = self._reserve.is_short()
            self.note("full", self._reserve.shortage() if short else None)
            self.note("unwritable", None if short else self._probe())

    def _probe(self) -> str | None:
        path = self._folder / PROBE
        try:
            with path.open("wb") as file:
                file.write(os.urandom(PROBE_BYTES))
                sync(file)
        except OSError as error:
            if is_full(error):
                return self._reserve.shortage()
            return f"{self._folder}: cannot be written: {error.strerror}"
        finally:
            with suppress(OSError):
                path.unlink()
        return None
