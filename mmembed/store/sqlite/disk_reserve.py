"""Reserves disk space for removals: SQLite has to write even to delete."""

from __future__ import annotations

import logging
import os
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

from mmembed.errors import StoreFull
from mmembed.files import is_full, sync

log = logging.getLogger(__name__)

FILE = "reserve"
BYTES = 2 * 2**20
"""Enough for removals until a checkpoint frees the log's space."""
TIGHT_BYTES = 64 * 2**20
RETRY_S = 5.0


class Reserve:
    """A file of a data folder that only takes up space."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._tried = -RETRY_S
        self._made = False

    def check(self) -> None:
        """Make sure that there is space for removals before an addition. Raises StoreFull.

        A removal may use the space; it is reserved again when enough is free.
        """
        if not self._path.exists() and not self._make():
            raise StoreFull(self.shortage())

    def give_up(self) -> bool:
        """Free the room; whether there was any."""
        self._tried, self._made = time.monotonic(), False
        try:
            self._path.unlink()
        except OSError:
            return False
        log.warning("%s: the disk is full; the room for removing is used", self._path.parent)
        return True

    def is_tight(self) -> bool:
        """Whether so little is free that a checkpoint of a large log may soon be impossible."""
        try:
            return _free(self._path) < TIGHT_BYTES
        except OSError:
            return False

    def is_short(self) -> bool:
        """Whether the disk is so full that an addition may not fit."""
        try:
            return (not self._path.exists() and not self._make()) or _free(self._path) < BYTES
        except OSError:
            return False

    def shortage(self) -> str:
        """The error for a full disk."""
        return (
            f"{self._path.parent}: the disk is full: fewer than {BYTES >> 20} MB are free beside "
            "the space reserved for removals; remove items, or free some space"
        )

    def _make(self) -> bool:
        """Whether the space is reserved now, or cannot be for other reasons than a full disk."""
        if time.monotonic() >= self._tried + RETRY_S:
            self._tried = time.monotonic()
            self._made = self._try()
        return self._made

    def _try(self) -> bool:
        try:
            # Twice as much must be free: else others would be left with nothing.
            if _free(self._path) < 2 * BYTES:
                return False
            self._fill()
        except OSError as error:
            with suppress(OSError):
                self._path.unlink()
            return not is_full(error)
        return True

    def _fill(self) -> None:
        with self._path.open("wb") as file:
            file.write(_noise())
            sync(file)


@cache
def _noise() -> bytes:
    """Random bytes: some file systems compress, and claim room that they lack. They take 10 ms, so
    that all folders of a process get the same."""
    return os.urandom(BYTES)


def _free(path: Path) -> int:
    status = os.statvfs(path.parent)
    return status.f_bavail * status.f_frsize
