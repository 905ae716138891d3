"""Scans folders for image files, and counts everything that is skipped."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from mmembed.config.settings import FOLDER_MARKS
from mmembed.errors import InputError, MmembedError, StoreError
from mmembed.ingest.exclusions import NO_MEDIA, Passing
from mmembed.ingest.own_folders import is_own_part
from mmembed.ingest.scan_result import Scan, ancestors
from mmembed.ingest.take_files import (
    LISTS,
    MANIFESTS,
    SIDECAR,
    SUFFIXES,
    pass_over,
    refuse,
    take,
)
from mmembed.item_failures import failure_of
from mmembed.media.decode import printable
from mmembed.places import Place, absolute, is_address, is_web
from mmembed.sources.entries import Entry
from mmembed.sources.sources import Sources, is_tar
from mmembed.sources.tars import TEXTS, sample_of
from mmembed.types import Failure

Listed: TypeAlias = "os.DirEntry[str] | Entry"
"""A file or folder in a folder."""


def check_paths(paths: Sequence[Place]) -> None:
    """Raises InputError for a path that does not exist; addresses are not asked."""
    for path in paths:
        if not is_address(path) and not os.path.exists(path):
            raise InputError(f"{printable(path)}: no such file or folder")


def scan(
    paths: Sequence[Place],
    passing: Passing = Passing(),  # noqa: B008
    heed: Callable[[int], None] = lambda count: None,
    sources: Sources | None = None,
) -> Scan:
    """Walk folders and take files.

    Hidden files and folders (leading dot), system folders and excluded ones are counted, not
    entered. Linked folders are counted, not followed. The paths themselves are always entered.
    `heed` is called now and then with the number of found pictures. sources: enters tars and
    object stores; without it, only files count. Raises InputError for a path that does not exist,
    before anything is done.
    """
    scanned = scan_of(paths)
    for _ in folders_of(scanned, passing, sources):
        heed(len(scanned.files))
    return scanned


def scan_of(paths: Sequence[Place]) -> Scan:
    """A scan of these paths that has not begun. Raises InputError for a path that does not
    exist."""
    check_paths(paths)
    return Scan(roots=list(dict.fromkeys(map(absolute, paths))))


def folders_of(
    scanned: Scan, passing: Passing, sources: Sources | None = None, *, look: bool = True
) -> Iterator[None]:
    """Do a scan, and pause after each folder and tar. look: without it no picture is taken, and
    what lies in the folders is merely listed. Raises InputError for a root that is an address at
    which there is nothing, or that cannot be read here."""
    walk = _Walk(scanned, passing, sources, look)
    for root in scanned.roots:
        yield from walk.take_root(root)


class _Walk:
    def __init__(
        self, scanned: Scan, passing: Passing, sources: Sources | None, look: bool
    ) -> None:
        self._scanned = scanned
        self._passing = passing
        self._sources = sources
        self._look = look
        self._tars: list[str] = []
        """Tars that were met, and not entered yet."""
        self._visited: set[str] = set()
        self._collections: set[str] = set()
        self._root = ""

    def take_root(self, root: str) -> Iterator[None]:
        """Take in a file, or a folder with all in it; pauses after each folder."""
        self._root = root
        if not self._passing.kept_out.isdisjoint(ancestors(root)):
            self._scanned.kept_out += 1
            self._scanned.closed.append(root)
        elif is_address(root):
            yield from self._take_address(root)
        elif os.path.isdir(root):
            yield from self._walk(root)
        else:
            sidecar = os.path.splitext(root)[0] + SIDECAR
            if os.path.lexists(sidecar):
                self._scanned.texts.add(sidecar)
            self._take_root_file(root, root)
            yield from self._enter_tars()

    def _take_address(self, root: str) -> Iterator[None]:
        if self._sources is None:
            raise InputError(f"{root}: addresses cannot be read here; name a file or folder")
        self._sources.check(root)
        if is_web(root):
            self._take(Entry(root))
        elif (entry := self._found(root)) is not None:
            self._take_root_file(root, entry)
            yield from self._enter_tars()
        else:
            yield from self._walk(root)
        yield

    def _found(self, root: str) -> Entry | None:
        assert self._sources is not None
        try:
            return self._sources.find(root)
        except StoreError as error:
            raise InputError(f"nothing was indexed: {error}") from error

    def _take_root_file(self, root: str, entry: str | Entry) -> None:
        if self._sources is not None and root.lower().endswith(LISTS):
            self._scanned.lists.append(root)
        elif self._sources is not None and is_tar(root):
            self._tars.append(root)
        else:
            self._take(entry)

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
            yield from self._enter_tars()

    def _entries(self, folder: str) -> list[os.DirEntry[str]] | list[Entry]:
        """The entries of a folder to examine."""
        if is_own_part(folder, self._scanned.roots) or folder in self._passing.own:
            self._scanned.passed.add(folder)
            return []
        entries: list[os.DirEntry[str]] | list[Entry]
        try:
            if is_address(folder):
                assert self._sources is not None
                return self._sources.entries(folder)
            with os.scandir(folder) as listed:
                entries = sorted(listed, key=lambda entry: entry.name)
        except Exception as error:
            if isinstance(error, StoreError) and folder == self._root:
                raise InputError(f"nothing was indexed: {error}") from error
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

    # -- tars ------------------------------------------------------------------------

    def _enter_tars(self) -> Iterator[None]:
        while self._tars:
            tar = self._tars.pop(0)
            if self._look and tar not in self._visited:
                self._visited.add(tar)
                self._enter_tar(tar)
            yield

    def _enter_tar(self, tar: str) -> None:
        """Take the pictures of a tar by the rules of a folder."""
        scanned = self._scanned
        assert self._sources is not None
        try:
            entries, listed = self._sources.members(tar)
        except MmembedError as error:
            scanned.passed.add(tar)
            scanned.failures.append(failure_of(printable(tar), error))
            return
        entered = {tar: True}
        for entry in entries:
            if self._is_entered(os.path.dirname(entry.path), entered):
                self._sort_member(entry)
        for name, reason in listed.faults:
            if os.path.splitext(name)[1].lower() in SUFFIXES:
                refuse(f"{tar}/{name}", reason, scanned)
        if listed.broken:
            scanned.passed.add(tar)  # the rest of it is not known
            refuse(tar, f"the tar {listed.broken}", scanned)

    def _is_entered(self, folder: str, entered: dict[str, bool]) -> bool:
        """Whether the rules let in a folder within a tar, and all above it."""
        if folder not in entered:
            above = self._is_entered(os.path.dirname(folder), entered)
            entered[folder] = above and self._enters(Entry(folder, is_folder=True))
        return entered[folder]

    def _sort_member(self, entry: Entry) -> None:
        if os.path.splitext(entry.name)[1].lower() in SUFFIXES:
            self._enters(entry)
        elif sample_of(entry.name)[1] not in TEXTS:
            self._scanned.other += 1

    # -- entries ---------------------------------------------------------------------

    def _enters(self, entry: Listed) -> bool:
        """Sort an entry into the result; True for a folder to enter."""
        try:
            return self._sort(entry)
        except Exception as error:  # an error of one entry does not stop the others
            pass_over(entry.path, self._scanned)
            if self._look:  # else it is met again, and must be logged once
                self._scanned.failures.append(failure_of(printable(entry.path), error))
            return False

    def _sort(self, entry: Listed) -> bool:
        scanned, passing = self._scanned, self._passing
        folder = _is_folder(entry, follow=False)
        if entry.name.startswith("."):
            scanned.hidden += 1
            pass_over(entry.path, scanned)
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
            pass_over(entry.path, scanned)
        else:
            self._sort_file(entry)
        return False

    def _sort_file(self, entry: Listed) -> None:
        if entry.name in MANIFESTS:
            self._scanned.manifests.append(entry.path)
        elif os.path.splitext(entry.name)[1].lower() in SUFFIXES:
            self._take(entry if isinstance(entry, Entry) else entry.path)
        elif self._sources is not None and is_tar(entry.name):
            self._tars.append(entry.path)
        elif entry.name.endswith(SIDECAR):
            if not isinstance(entry, Entry):  # that of a picture elsewhere is read with it
                self._scanned.texts.add(entry.path)
        elif not entry.name.lower().endswith(SIDECAR):
            self._scanned.other += 1

    def _take(self, entry: str | Entry) -> None:
        if self._look:
            take(entry, self._scanned)

    def _close(self, path: str) -> int:
        """Skip an entry, unless it was named by its own path; returns the number of skipped
        ones."""
        if path in self._scanned.roots:
            return 0
        self._scanned.closed.append(path)
        return 1


def _may_be_a_users(entry: os.DirEntry[str]) -> bool:
    """For files in the folder of a collection: its own files are not worth counting."""
    suffix = os.path.splitext(entry.name)[1].lower()
    return (
        _is_folder(entry, follow=True) or entry.name in MANIFESTS or suffix in {*SUFFIXES, SIDECAR}
    )


def _is_folder(entry: Listed, *, follow: bool) -> bool:
    try:
        return entry.is_dir(follow_symlinks=follow)
    except OSError:  # links that lead to each other
        return False
