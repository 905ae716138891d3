"""The files and folders that a walk meets, and simple facts about them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TypeAlias

from mmembed.ingest.take_files import MANIFESTS, SIDECAR, SUFFIXES
from mmembed.sources.entries import Entry


@dataclass(frozen=True)
class Named:
    """A file or folder that is named rather than listed; as `os.DirEntry` has them."""

    path: str

    @property
    def name(self) -> str:
        """The last part of its path."""
        return os.path.basename(self.path)

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        """Whether it is a folder."""
        return os.path.isdir(self.path) and (follow_symlinks or not os.path.islink(self.path))


Listed: TypeAlias = "os.DirEntry[str] | Entry | Named"
"""A file or folder in a folder."""


def may_be_a_users(entry: os.DirEntry[str]) -> bool:
    """For files in the folder of a collection: its own files are not worth counting."""
    suffix = os.path.splitext(entry.name)[1].lower()
    return (
        is_folder(entry, follow=True) or entry.name in MANIFESTS or suffix in {*SUFFIXES, SIDECAR}
    )


def is_folder(entry: Listed, *, follow: bool) -> bool:
    """Whether an entry is a folder, or if `follow` a link to one."""
    try:
        return entry.is_dir(follow_symlinks=follow)
    except OSError:  # links that lead to each other
        return False
