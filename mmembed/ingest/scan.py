"""Scans folders for image files, and counts everything that is skipped."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from mmembed.config.settings import FOLDER_MARKS
from mmembed.errors import ImageError, InputError
from mmembed.ingest.exclusions import NO_MEDIA, Passing
from mmembed.ingest.scan_result import Scan, ancestors, stat_of
from mmembed.item_failures import failure_of
from mmembed.media.decode import printable
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
"""Files of this ending are taken for captions; files without an image beside them are skipped."""
MANIFESTS = frozenset(
    f"{stem}{suffix}"
    for stem in ("captions", "metadata")
    for suffix in (".jsonl", ".csv", ".tsv", ".parquet")
)
"""Files that are taken for caption manifests in every folder."""

OWN_PARTS = frozenset({"thumbnails", "originals"})
"""Folders of a collection that hold pictures in folders of two hexadecimal digits."""
_TWO_DIGITS = re.compile("[0-9a-f]{2}")


def check_paths(paths: Sequence[Path]) -> None:
    """Raises InputError for a path that does not exist."""
    for path in paths:
        if not os.path.exists(path):
            raise InputError(f"{printable(path)}: no such file or folder")


def scan(
    paths: Sequence[Path],
    passing: Passing = Passing(),  # noqa: B008
    heed: Callable[[int], None] = lambda count: None,
) -> Scan:
    """Walk folders and take files.

    Hidden files and folders (leading dot), system folders and excluded ones are counted, not
    entered. Linked folders are counted, not followed. The paths themselves are always entered.
    `heed` is called now and then with the number of found pictures. Raises InputError for a path
    that does not exist, before anything is done.
    """
    scanned = scan_of(paths)
    for _ in folders_of(scanned, passing):
        heed(len(scanned.files))
    return scanned


def scan_of(paths: Sequence[Path]) -> Scan:
    """A scan of these paths that has not begun. Raises InputError for a path that does not
    exist."""
    check_paths(paths)
    return Scan(roots=list(dict.fromkeys(os.path.abspath(path) for path in paths)))


def folders_of(scanned: Scan, passing: Passing, *, look: bool = True) -> Iterator[None]:
    """Do a scan, and pause after each folder. look: without it no picture is taken, and what lies
    in the folders is merely listed."""
    walk = _Walk(scanned, passing, look)
    for root in scanned.roots:
        yield from walk.take_root(root)


class _Walk:
    def __init__(self, scanned: Scan, passing: Passing, look: bool) -> None:
        self._scanned = scanned
        self._passing = passing
        self._look = look
        self._visited: set[str] = set()
        self._collections: set[str] = set()
        self._root = ""

    def take_root(self, root: str) -> Iterator[None]:
        """Take in a file, or a folder with all in it; pauses after each folder."""
        self._root = root
        if not self._passing.kept_out.isdisjoint(ancestors(root)):
            self._scanned.kept_out += 1
            self._scanned.closed.append(root)
        elif os.path.isdir(root):
            yield from self._walk(root)
        else:
            sidecar = os.path.splitext(root)[0] + SIDECAR
            if os.path.lexists(sidecar):
                self._scanned.texts.add(sidecar)
            self._take(root)
            yield

    def _walk(self, root: str) -> Iterator[None]:
        pending = [root]
        while pending:
            folder = pending.pop()
            if folder in self._visited:
                continue  # one root may lie in another
            self._visited.add(folder)
            folders = [entry.path for entry in self._entries(folder) if self._enters(entry)]
            pending.extend(reversed(folders))
            yield

    def _entries(self, folder: str) -> list[os.DirEntry[str]]:
        """The entries of a folder to examine."""
        if _is_own_part(folder, self._scanned.roots):
            self._scanned.passed.add(folder)
            return []
        try:
            with os.scandir(folder) as listed:
                entries = sorted(listed, key=lambda entry: entry.name)
        except Exception as error:
            self._scanned.passed.add(folder)
            said = error.strerror if isinstance(error, OSError) else error
            reason = f"{printable(folder)}: the folder cannot be read: {said}"
            self._scanned.failures.append(Failure(printable(folder), InputError.code, reason))
            return []
        names = {entry.name for entry in entries}
        if NO_MEDIA in names and not self._passing.include_system and self._close(folder):
            self._scanned.system += 1
            return []
        if not names.isdisjoint(FOLDER_MARKS):
            self._scanned.collections += 1
            self._collections.add(folder)
        if folder in self._collections or os.path.dirname(folder) in self._collections:
            entries = [entry for entry in entries if _may_be_a_users(entry)]
        return entries

    def _enters(self, entry: os.DirEntry[str]) -> bool:
        """Sort an entry into the result; True for a folder to enter."""
        try:
            return self._sort(entry)
        except Exception as error:  # an error of one entry does not stop the others
            _pass_over(entry.path, self._scanned)
            if self._look:  # else it is met again, and must be logged once
                self._scanned.failures.append(failure_of(printable(entry.path), error))
            return False

    def _sort(self, entry: os.DirEntry[str]) -> bool:
        scanned, passing = self._scanned, self._passing
        folder = _is_folder(entry, follow=False)
        if entry.name.startswith("."):
            scanned.hidden += 1
            _pass_over(entry.path, scanned)
        elif entry.path in passing.kept_out:
            scanned.kept_out += self._close(entry.path)
        elif passing.patterns and passing.excludes(entry.path, self._root, folder=folder):
            scanned.excluded += self._close(entry.path)
        elif folder and passing.is_system(entry.path):
            scanned.system += self._close(entry.path)
        elif folder:
            return True
        elif _is_folder(entry, follow=True):
            scanned.linked += 1
            _pass_over(entry.path, scanned)
        else:
            self._sort_file(entry)
        return False

    def _sort_file(self, entry: os.DirEntry[str]) -> None:
        if entry.name in MANIFESTS:
            self._scanned.manifests.append(Path(entry.path))
        elif os.path.splitext(entry.name)[1].lower() in SUFFIXES:
            self._take(entry.path)
        elif entry.name.endswith(SIDECAR):
            self._scanned.texts.add(entry.path)
        elif not entry.name.lower().endswith(SIDECAR):
            self._scanned.other += 1

    def _take(self, path: str) -> None:
        if self._look:
            _take(path, self._scanned)

    def _close(self, path: str) -> int:
        """Skip an entry, unless it was named by its own path; returns the number of skipped
        ones."""
        if path in self._scanned.roots:
            return 0
        self._scanned.closed.append(path)
        return 1


def _is_own_part(folder: str, roots: Sequence[str]) -> bool:
    """Whether a folder holds thumbnails or uploads of a collection: these are no new pictures.
    Uploads are, if they are named because a restored catalog lacks them."""
    above, name = os.path.split(folder)
    home, kind = os.path.split(above)
    if kind not in OWN_PARTS or (kind == "originals" and above in roots):
        return False
    marks = (os.path.join(home, mark) for mark in FOLDER_MARKS)
    return bool(_TWO_DIGITS.fullmatch(name)) and any(map(os.path.exists, marks))


def _may_be_a_users(entry: os.DirEntry[str]) -> bool:
    """For files in the folder of a collection: its own files are not worth counting."""
    suffix = os.path.splitext(entry.name)[1].lower()
    return (
        _is_folder(entry, follow=True) or entry.name in MANIFESTS or suffix in {*SUFFIXES, SIDECAR}
    )


def _pass_over(path: str, scanned: Scan) -> None:
    if path not in scanned.roots:
        scanned.passed.add(path)


def _is_folder(entry: os.DirEntry[str], *, follow: bool) -> bool:
    try:
        return entry.is_dir(follow_symlinks=follow)
    except OSError:  # links that lead to each other
        return False


def _take(path: str, scanned: Scan) -> None:
    try:
        path.encode()
        status = os.stat(path)
    except UnicodeEncodeError:
        _refuse(path, "the file name is not valid UTF-8; rename it", scanned)
    except FileNotFoundError:
        _refuse(path, "a link that leads nowhere", scanned)
    except OSError as error:
        # A disk or network that hiccups does not make the picture gone.
        _pass_over(path, scanned)
        _refuse(path, f"cannot be read: {error.strerror}", scanned)
    else:
        if stat.S_ISREG(status.st_mode):
            scanned.files[path] = stat_of(status)
        else:
            _refuse(path, "not a regular file", scanned)


def _refuse(path: str, reason: str, scanned: Scan) -> None:
    scanned.failures.append(failure_of(printable(path), ImageError(printable(path), reason)))
