"""A cache of small WebP pictures, keyed by content; may be deleted at any time."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

SIZES = (320, 1280)
"""Longer sides, in pixels: the grid's pictures, and previews of what browsers can't show."""
VERSION = 2
"""Of the way that thumbnails are made; those of another are not read."""


def folder_in(data: Path) -> Path:
    """The cache of a data folder."""
    return data / "thumbnails"


def cached(folder: Path, sha256: str, size: int, render: Callable[[], bytes]) -> bytes:
    """The WebP file of a content at a size: read from the cache, or rendered into it.

    Where the cache cannot be written, the rendered picture is answered all the same.
    """
    path = _path(folder, sha256, size)
    try:
        content = path.read_bytes()
        if _whole(content):
            return content
    except OSError:
        pass
    content = render()
    _keep(path, content)
    return content


def prepare(folder: Path, sha256: str, size: int, render: Callable[[], bytes]) -> None:
    """Render a content at a size into the cache, unless it is there. Where the cache cannot be
    written, nothing happens."""
    path = _path(folder, sha256, size)
    if not os.path.exists(path):  # Path.exists raises in a folder that may not be entered
        _keep(path, render())


def _path(folder: Path, sha256: str, size: int) -> Path:
    return folder / sha256[:2] / f"{sha256}-{size}-v{VERSION}.webp"


def _whole(content: bytes) -> bool:
    """Whether a WebP file is as long as it says: a power cut may have shortened it."""
    return content[:4] == b"RIFF" and len(content) == 8 + int.from_bytes(content[4:8], "little")


def _keep(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, aside = tempfile.mkstemp(dir=path.parent, suffix=".new")
    except OSError:
        return
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.replace(aside, path)
    except OSError:
        Path(aside).unlink(missing_ok=True)
