"""The files of a collection's uploads, and what must be true of them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from mmembed.collection.collection import Collection
from mmembed.store import uploads
from tests.serving import picture

OpenCollection = Callable[..., Collection]
RED = picture("red")


def files_of(collection: Collection) -> list[str]:
    """The names of all files in `originals/`."""
    found = (collection.settings.data / uploads.FOLDER).rglob("*")
    return sorted(path.name for path in found if path.is_file())


def aged(path: Path, seconds: float) -> Path:
    then = time.time() - seconds
    os.utime(path, (then, then), follow_symlinks=False)
    return path
