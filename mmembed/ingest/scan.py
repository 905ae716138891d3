"""Folders → image files, and an honest count of what was passed over."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mmembed.decode import printable
from mmembed.errors import InputError
from mmembed.types import Failure

SUFFIXES = frozenset(
    f".{ending}"
    for endings in (
        "jpg jpeg jpe jfif png apng webp gif bmp dib tif tiff",
        "avif jp2 j2k j2c jpx jpf heic heif hif",
    )
    for ending in endings.split()
)
MANIFESTS = frozenset(
    f"{stem}{suffix}"
    for stem in ("captions", "metadata")
    for suffix in (".jsonl", ".csv", ".tsv", ".parquet")
)
"""Files that are taken for caption manifests wherever a scan meets them."""


@dataclass(frozen=True)
class FileStat:
    """Size and time of a file, by which it counts as unchanged."""

    bytes: int
    mtime_ns: int


@dataclass
class Scan:
    """What lies under the scanned paths."""

    roots: list[str] = field(default_factory=list)
    files: dict[str, FileStat] = field(default_factory=dict)
    """Image files by absolute path, in the order they are indexed."""
    manifests: list[Path] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    """Folders that could not be listed: what is known under them is kept."""
    hidden: int = 0
    linked: int = 0
    other: int = 0

    def covers(self, path: str) -> bool:
        """Whether the scan would have met this file, were it still there."""
        return _under(path, self.roots) and not _under(path, self.unreadable)


def scan(paths: Sequence[Path]) -> Scan:
    """Walk folders and take files. Hidden files and folders (leading dot) are counted, not
    entered; linked folders are counted, not followed. Raises InputError for a path that
    does not exist, before anything is done."""
    for path in paths:
        if not path.exists():
            raise InputError(f"{path}: no such file or folder")
    found = Scan(roots=[os.path.abspath(path) for path in paths])
    for root in found.roots:
        if os.path.isdir(root):
            _walk(root, found)
        else:
            _take(root, found)
    return found


def _walk(root: str, found: Scan) -> None:
    pending = [root]
    while pending:
        folder = pending.pop()
        folders: list[str] = []
        for entry in _entries(folder, found):
            if entry.name.startswith("."):
                found.hidden += 1
            elif entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
            elif entry.is_dir():
                found.linked += 1
            elif entry.name in MANIFESTS:
                found.manifests.append(Path(entry.path))
            elif os.path.splitext(entry.name)[1].lower() in SUFFIXES:
                _take(entry.path, found)
            else:
                found.other += 1
        pending.extend(reversed(folders))


def _entries(folder: str, found: Scan) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        found.unreadable.append(folder)
        reason = f"{printable(folder)}: the folder cannot be read: {error.strerror}"
        found.failures.append(Failure(printable(folder), "OSError", reason))


def _take(path: str, found: Scan) -> None:
    try:
        path.encode()
        status = os.stat(path)
    except UnicodeEncodeError:
        _refuse(path, "the file name is not valid UTF-8; rename it", found)
    except OSError as error:
        _refuse(path, f"cannot be read: {error.strerror}", found)
    else:
        if stat.S_ISREG(status.st_mode):
            found.files[path] = FileStat(status.st_size, status.st_mtime_ns)
        else:
            _refuse(path, "not a regular file", found)


def _refuse(path: str, reason: str, found: Scan) -> None:
    name = printable(path)
    found.failures.append(Failure(name, "ImageError", f"{name}: {reason}"))


def _under(path: str, folders: Sequence[str]) -> bool:
    return any(path == folder or path.startswith(folder.rstrip("/") + "/") for folder in folders)
