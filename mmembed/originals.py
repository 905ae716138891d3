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
    if path.exists():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, aside = tempfile.mkstemp(dir=path.parent, suffix=".new")
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    except OSError as error:
        raise StoreError(f"{path}: the upload cannot be kept: {error.strerror}") from error
    return path


def discard(folder: Path, path: str | None) -> None:
    """Delete an upload that no item needs any more; other files are never touched."""
    if path and Path(path).is_relative_to(folder / FOLDER):
        Path(path).unlink(missing_ok=True)
