"""Uploaded image files, kept content-addressed in the data folder."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from mmembed.errors import StoreError

FOLDER = "originals"


def keep(folder: Path, sha256: str, suffix: str, data: bytes) -> Path:
    """Store bytes durably under their hash; returns their path. Raises StoreError."""
    path = folder / FOLDER / sha256[:2] / f"{sha256}{suffix}"
    try:
        if path.is_file() and path.stat().st_size == len(data):
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, data)
        for above in (path.parent, path.parent.parent, folder):
            _sync_folder(above)
    except OSError as error:
        raise StoreError(f"{path}: the upload cannot be kept: {error.strerror}") from error
    return path


def discard(folder: Path, path: str | None) -> None:
    """Delete an upload that no item needs any more; other files are never touched. Raises
    StoreError."""
    if path and Path(path).is_relative_to(folder / FOLDER):
        try:
            Path(path).unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"{path}: cannot be deleted: {error.strerror}") from error


def _replace(path: Path, data: bytes) -> None:
    descriptor, aside = tempfile.mkstemp(dir=path.parent, suffix=".new")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise


def _sync_folder(folder: Path) -> None:
    # Without this, a power cut may forget the name of a file whose bytes are safe.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
