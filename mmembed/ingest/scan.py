"""Folders → image files, and an honest count of what was passed over."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mmembed.catalog import FILE_NAME
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
SIDECAR = ".txt"
"""Files of this ending are taken for captions; those beside no image are passed over."""
MANIFESTS = frozenset(
    f"{stem}{suffix}"
    for stem in ("captions", "metadata")
    for suffix in (".jsonl", ".csv", ".tsv", ".parquet")
)
"""Files that are taken for caption manifests wherever a scan meets them."""


@dataclass(frozen=True, slots=True)
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
    passed: set[str] = field(default_factory=set)
    """What was not looked into: unreadable, hidden, linked and data folders, unreadable
    files. What is known of them from another time is kept."""
    hidden: int = 0
    linked: int = 0
    other: int = 0

    def covers(self, path: str) -> bool:
        """Whether the scan would have met this file, were it still there."""
        return _under(path, self.roots) and self.passed.isdisjoint(_ancestors(path))

    def missing(self, known: Iterable[str]) -> tuple[list[str], bool]:
        """The known files that the scan should have met and did not; and whether some root
        is empty where files are known: it may be a disk that is not mounted, so they count
        as missing no more than files of another root."""
        gone = [path for path in known if path not in self.files and self.covers(path)]
        empty = [root for root in self.roots if not any(_under(f, [root]) for f in self.files)]
        kept = [path for path in gone if not _under(path, empty)]
        return kept, len(kept) < len(gone)


def scan(paths: Sequence[Path]) -> Scan:
    """Walk folders and take files. Hidden files and folders (leading dot) are counted, not
    entered; linked folders are counted, not followed. Raises InputError for a path that
    does not exist, before anything is done."""
    for path in paths:
        if not os.path.exists(path):
            raise InputError(f"{printable(path)}: no such file or folder")
    found = Scan(roots=list(dict.fromkeys(os.path.abspath(path) for path in paths)))
    visited: set[str] = set()
    for root in found.roots:
        if os.path.isdir(root):
            _walk(root, found, visited)
        else:
            _take(root, found)
    return found


def _walk(root: str, found: Scan, visited: set[str]) -> None:
    pending = [root]
    while pending:
        folder = pending.pop()
        if folder in visited:
            continue  # one root may lie in another
        visited.add(folder)
        entries = _entries(folder, found)
        if any(entry.name == FILE_NAME for entry in entries):
            # A collection of ours: its thumbnails are no new pictures.
            found.passed.add(folder)
            found.other += 1
            continue
        folders = [entry.path for entry in entries if _sort(entry, found)]
        pending.extend(reversed(folders))


def _entries(folder: str, found: Scan) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        found.passed.add(folder)
        reason = f"{printable(folder)}: the folder cannot be read: {error.strerror}"
        found.failures.append(Failure(printable(folder), "OSError", reason))
        return []


def _sort(entry: os.DirEntry[str], found: Scan) -> bool:
    """Put an entry where it belongs; True for a folder to enter."""
    if entry.name.startswith("."):
        found.hidden += 1
        _pass_over(entry.path, found)
    elif _is_folder(entry, follow=False):
        return True
    elif _is_folder(entry, follow=True):
        found.linked += 1
        _pass_over(entry.path, found)
    elif entry.name in MANIFESTS:
        found.manifests.append(Path(entry.path))
    elif os.path.splitext(entry.name)[1].lower() in SUFFIXES:
        _take(entry.path, found)
    elif not entry.name.lower().endswith(SIDECAR):
        found.other += 1
    return False


def _pass_over(path: str, found: Scan) -> None:
    if path not in found.roots:
        found.passed.add(path)


def _is_folder(entry: os.DirEntry[str], *, follow: bool) -> bool:
    try:
        return entry.is_dir(follow_symlinks=follow)
    except OSError:  # links that lead to each other
        return False


def _take(path: str, found: Scan) -> None:
    try:
        path.encode()
        status = os.stat(path)
    except UnicodeEncodeError:
        _refuse(path, "the file name is not valid UTF-8; rename it", found)
    except FileNotFoundError:
        _refuse(path, "a link that leads nowhere", found)
    except OSError as error:
        # A disk or network that hiccups does not make the picture gone.
        _pass_over(path, found)
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


def _ancestors(path: str) -> Iterator[str]:
    """The path itself and the folders above it."""
    while True:
        yield path
        above = os.path.dirname(path)
        if above == path:
            return
        path = above
