"""Checks that the files of an open catalog are still the opened ones.

An open file lives on when it is deleted, or its folder renamed. Data that is written into it then
is lost with the process. So every acknowledged change has a check before and after it.
"""

from __future__ import annotations

import ctypes
import os
import sqlite3
from pathlib import Path

LOG = "-wal"
Identity = tuple[int, int]


class FileIdentity:
    """A data folder, its catalog and the catalog's log, as they were when they were opened."""

    def __init__(self, catalog: Path) -> None:
        """Raises OSError if one of them is missing."""
        log = Path(f"{catalog}{LOG}")
        self._opened = {path: identity(path) for path in (catalog.parent, catalog)}
        if log.exists():  # not if nothing can be written
            self._opened[log] = identity(log)

    def trouble(self, *, besides: Path | None = None) -> str | None:
        """The missing or replaced file, with the remedy; None while all are unchanged. `besides` is
        not checked."""
        for path, opened in self._opened.items():
            if path == besides:
                continue
            try:
                if identity(path) == opened:
                    continue
                fault = "was replaced"
            except FileNotFoundError:
                fault = "is gone"
            except OSError as error:
                fault = f"cannot be looked at ({error.strerror})"
            return (
                f"{path}: {fault} while it was open here, and further changes would be lost; "
                "put it back, or stop this process and start it again"
            )
        return None


def identity(path: Path) -> Identity:
    """Values that distinguish a file from another one of its name. Raises OSError."""
    status = os.stat(path)
    return status.st_dev, status.st_ino


def keep_for_ever(connection: sqlite3.Connection) -> None:
    """Keep a connection open until the process ends; not even Python's own finalisation may close
    it."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))
