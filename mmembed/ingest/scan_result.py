"""The files that a scan found, and those that it passed over."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from mmembed.ingest.passed_over import PassedOver
from mmembed.sources.entries import FileStat, Text
from mmembed.types import Failure


@dataclass
class Scan(PassedOver):
    """The files below the scanned paths."""

    roots: list[str] = field(default_factory=list)
    files: dict[str, FileStat] = field(default_factory=dict)
    """Image files by absolute path, in the order they are indexed."""
    texts: set[str] = field(default_factory=set)
    """Text files that may hold captions."""
    beside: dict[str, tuple[Text, ...]] = field(default_factory=dict)
    """The texts beside pictures that are no files of this machine, by the picture's path. Their
    state is part of the picture's, and a worker reads them with it."""
    manifests: list[str] = field(default_factory=list)
    """Files that say captions of the pictures in their folder."""
    lists: list[str] = field(default_factory=list)
    """Roots that are manifests: each of their rows names a picture to index."""
    failures: list[Failure] = field(default_factory=list)
    passed: set[str] = field(default_factory=set)
    """Paths that were not read: unreadable, hidden and linked folders, parts of collections,
    unreadable files. Items of these paths from another time stay."""
    closed: list[str] = field(default_factory=list)
    """Paths that were skipped on purpose. Items of these paths leave the collection."""
    taken: set[str] = field(default_factory=set)
    """The roots of files that are no longer in `files`."""
    entered: set[str] = field(default_factory=set)
    """The folders and tars that were listed, or could not be."""
    tars: set[str] = field(default_factory=set)
    """Tars in the folders, entered or not."""
    part: frozenset[str] | None = None
    """Files and folders to which the scan is limited; None for all below the roots."""
    trusts_empty: bool = False
    """Whether a root that is empty, or gone, is taken for one that lost its files."""

    def take_files(self) -> dict[str, FileStat]:
        """The files that were found since the last call; only their roots are remembered."""
        files, self.files = self.files, {}
        for root in self.roots:
            if root not in self.taken and any(under(path, [root]) for path in files):
                self.taken.add(root)
        return files

    def take_beside(self) -> dict[str, tuple[Text, ...]]:
        """The texts beside pictures that were found since the last call."""
        beside, self.beside = self.beside, {}
        return beside

    def covers(self, path: str) -> bool:
        """Whether the scan would have found this file if it still existed."""
        if self.part is not None and self.part.isdisjoint(ancestors(path)):
            return False
        return under(path, self.roots) and self.passed.isdisjoint(ancestors(path))

    def missing(self, known: Iterable[str]) -> tuple[list[str], bool]:
        """The known files that the scan should have found and did not; and whether a root with
        known files is empty. Such a root may be an unmounted disk, so its files do not count as
        missing."""
        gone = [path for path in known if path not in self.files and self.covers(path)]
        empty = [] if self.trusts_empty else self.empty()
        kept = [path for path in gone if not under(path, empty)]
        return kept, len(kept) < len(gone)

    def empty(self) -> list[str]:
        """The roots below which no picture was found, nor a folder that may hold some. A limited
        scan cannot tell."""
        if self.part is not None:
            return []
        met = [*self.files, *self.closed]
        roots = [root for root in self.roots if root not in self.taken]
        return [root for root in roots if not any(under(path, [root]) for path in met)]


def under(path: str, folders: Sequence[str]) -> bool:
    return any(path == folder or path.startswith(folder.rstrip("/") + "/") for folder in folders)


def ancestors(path: str) -> Iterator[str]:
    """The path itself and the folders above it."""
    while True:
        yield path
        above = os.path.dirname(path)
        if above == path:
            return
        path = above
