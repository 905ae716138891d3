"""Walks folders and tars by the rules of a scan."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from mmembed.config.settings import FOLDER_MARKS
from mmembed.errors import InputError, MmembedError, StoreError
from mmembed.ingest.embed_batches import patiently
from mmembed.ingest.exclusions import NO_MEDIA, Passing
from mmembed.ingest.listed import Listed, Named, is_folder, may_be_a_users
from mmembed.ingest.own_folders import is_own_part
from mmembed.ingest.presence import is_gone
from mmembed.ingest.scan_result import Scan, ancestors, under
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
from mmembed.places import is_address, is_web
from mmembed.sources.entries import Entry
from mmembed.sources.sources import Sources, is_tar
from mmembed.sources.tars import TEXTS, sample_of
from mmembed.types import Failure


class Walk:
    """Walks paths by the rules of one scan, and sorts all that it meets into the result."""

    def __init__(
        self, scanned: Scan, passing: Passing, sources: Sources | None, look: bool
    ) -> None:
        """sources and look: see `folders_of`."""
        self._scanned = scanned
        self._passing = passing
        self._sources = sources
        self._look = look
        self._tars: list[str] = []
        """Tars that were met, and not entered yet."""
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
        elif self._scanned.trusts_empty and is_gone(root):
            return
        elif os.path.isdir(root):
            yield from self._walk(root)
        else:
            sidecar = os.path.splitext(root)[0] + SIDECAR
            if os.path.lexists(sidecar):
                self._scanned.texts.add(sidecar)
            self._take_root_file(root, root)
            yield from self._enter_tars()

    def take_part(self, paths: Iterable[str]) -> Iterator[None]:
        """Take in files, and folders with all in them, that lie below the roots, as if all was
        walked. Paths that are not there are passed over."""
        part = [path for path in sorted(paths) if os.path.lexists(path)]
        let_in: dict[str, bool] = {}
        for path in part:
            self._root = self._root_of(path)
            if path == self._root:
                yield from self.take_root(path)
            elif self._is_let_in(os.path.dirname(path), let_in) and self._enters(Named(path)):
                yield from self._walk(path)
        self._take_texts_of(part)
        yield
        yield from self._enter_tars()

    def _is_let_in(self, folder: str, let_in: dict[str, bool]) -> bool:
        """Whether the rules let in a folder, and all above it up to the root."""
        if folder not in let_in:
            if folder == self._root:
                let_in[folder] = self._passing.kept_out.isdisjoint(ancestors(folder))
            else:
                above = self._is_let_in(os.path.dirname(folder), let_in)
                let_in[folder] = above and self._enters(Named(folder)) and self._is_media(folder)
        return let_in[folder]

    def _is_media(self, folder: str) -> bool:
        no_media = os.path.lexists(os.path.join(folder, NO_MEDIA))
        return self._passing.include_system or not no_media

    def _root_of(self, path: str) -> str:
        roots = [root for root in self._scanned.roots if under(path, [root])]
        return max(roots, key=len, default=path)

    def _take_texts_of(self, part: Iterable[str]) -> None:
        """Take the texts that may speak of some files: beside them, and in the folders above."""
        folders: set[str] = set()
        for path in part:
            sidecar = os.path.splitext(path)[0] + SIDECAR
            if os.path.lexists(sidecar):
                self._scanned.texts.add(sidecar)
            folders |= {one for one in ancestors(path) if under(one, self._scanned.roots)}
        manifests = {
            path
            for folder in folders.difference(self._scanned.entered)
            for name in MANIFESTS
            if os.path.isfile(path := os.path.join(folder, name))
        }
        for path in sorted(manifests.difference(self._scanned.manifests)):
            self._root = self._root_of(path)
            self._enters(Named(path))

    def _take_address(self, root: str) -> Iterator[None]:
        if self._sources is None:
            raise InputError(f"{root}: addresses cannot be read here; name a file or folder")
        self._sources.check(root)
        entry = Entry(root) if is_web(root) else self._found(root)
        if entry is None:
            yield from self._walk(root)
        elif is_web(root) and not is_tar(root):
            self._take(entry)
        else:
            self._take_root_file(root, entry)
            yield from self._enter_tars()
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
            if folder in self._scanned.entered:
                continue  # one root may lie in another
            self._scanned.entered.add(folder)
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
            entries = [entry for entry in entries if may_be_a_users(entry)]
        return entries

    # -- tars ------------------------------------------------------------------------

    def _enter_tars(self) -> Iterator[None]:
        while self._tars:
            tar = self._tars.pop(0)
            if self._look and tar not in self._scanned.entered:
                self._scanned.entered.add(tar)
                self._enter_tar(tar)
            yield

    def _enter_tar(self, tar: str) -> None:
        """Take the pictures of a tar by the rules of a folder."""
        scanned = self._scanned
        assert self._sources is not None
        members = self._sources.members
        try:
            entries, listed = patiently(lambda: members(tar))
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
        folder = is_folder(entry, follow=False)
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
        elif is_folder(entry, follow=True):
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
        elif is_tar(entry.name):
            self._sort_tar(entry)
        elif entry.name.endswith(SIDECAR):
            if not isinstance(entry, Entry):  # that of a picture elsewhere is read with it
                self._scanned.texts.add(entry.path)
        elif not entry.name.lower().endswith(SIDECAR):
            self._scanned.other += 1

    def _sort_tar(self, entry: Listed) -> None:
        self._scanned.tars.add(entry.path)
        if self._sources is not None:
            self._tars.append(entry.path)
        else:
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
