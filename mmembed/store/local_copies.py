"""Verified copies of uploads that lie in an object store, in a folder of limited size."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

from mmembed import files

MOST_BYTES = 2_000_000_000
"""Bytes of all copies together."""
LEAST_AGE_S = 60.0
"""Age of a copy before it may be deleted: it was made to be opened at once."""


class LocalCopies:
    """A cache; its folder may be deleted at any time."""

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES) -> None:
        self._folder = folder
        self._most_bytes = most_bytes

    def find(self, name: str) -> Path | None:
        """The copy of a name, if it is there."""
        path = self._folder / name
        return path if path.exists() else None

    def keep(self, name: str, data: bytes, mtime_ns: int) -> Path:
        """Keep a copy, with the time of its original. Raises OSError."""
        path = self._folder / name
        files.make_part(self._folder)
        self._make_room(len(data))
        files.replace(path, data, mode=files.PRIVATE)
        os.utime(path, ns=(mtime_ns, mtime_ns))
        return path

    def forget(self, name: str) -> None:
        """Delete a copy, if it is there and can be deleted."""
        with suppress(OSError):
            (self._folder / name).unlink(missing_ok=True)

    def _make_room(self, size: int) -> None:
        """Delete the oldest copies. Their times are those of their originals, but not that of the
        inode."""
        with os.scandir(self._folder) as entries:
            copies = [(entry.stat(follow_symlinks=False), entry.name) for entry in entries]
        copies.sort(key=lambda copy: copy[0].st_ctime_ns)
        taken = size + sum(status.st_size for status, _ in copies)
        for status, name in copies:
            if taken <= self._most_bytes or time.time() - status.st_ctime < LEAST_AGE_S:
                return
            self.forget(name)
            taken -= status.st_size
