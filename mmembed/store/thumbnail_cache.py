"""A cache of small WebP pictures, keyed by content; may be deleted at any time.

Each file has a checksum behind the picture, which WebP decoders ignore.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from mmembed import files

SIZES = (320, 1280)
"""Longer sides, in pixels: the grid's pictures, and previews of formats that browsers can't
show."""
FOLDER = "thumbnails"
VERSION = 3
"""Version of the rendering; thumbnails of another version are not read."""


def folder_in(data: Path) -> Path:
    """The cache of a data folder."""
    return data / FOLDER


def find(folder: Path, sha256: str, size: int) -> bytes | None:
    """The WebP file of a content at a size; None if it is missing or damaged."""
    path = _path(folder, sha256, size)
    try:
        return files.read_sealed(path, about=path.name)
    except (OSError, ValueError):
        return None


def keep(folder: Path, sha256: str, size: int, content: bytes) -> None:
    """Put a WebP file into the cache. If it cannot be written, nothing happens."""
    path = _path(folder, sha256, size)
    with suppress(OSError):
        files.make_part(path.parent)
        files.write_sealed(path, content, about=path.name, mode=files.PRIVATE)


def is_kept(folder: Path, sha256: str, size: int) -> bool:
    """Whether a file is there, whole or not."""
    return os.path.exists(_path(folder, sha256, size))  # Path.exists raises in a closed folder


def forget(folder: Path, sha256: str) -> None:
    """Delete the thumbnails of a content. Files that cannot be deleted stay."""
    with suppress(OSError):
        for path in _path(folder, sha256, 0).parent.glob(f"{sha256}-*"):
            path.unlink(missing_ok=True)


def is_current(name: str) -> bool:
    """Whether a file of the cache is a thumbnail of this version."""
    return name.endswith(f"-v{VERSION}.webp")


def name_of(sha256: str, size: int) -> str:
    """The name of a file of the cache, which its checksum covers."""
    return f"{sha256}-{size}-v{VERSION}.webp"


def _path(folder: Path, sha256: str, size: int) -> Path:
    return folder / sha256[:2] / name_of(sha256, size)
