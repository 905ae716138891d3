"""The plain data about pictures wherever they lie."""

from __future__ import annotations

import os
from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple

from mmembed.store.entries import Mark, signed, storable

IN_TAR, IN_OBJECTS, IN_WEB = -3, -4, -5
"""In place of the device in a mark. The other numbers of the mark are the offset in the tar, and a
number that stands for the version of the tar or object."""


class FileStat(NamedTuple):
    """Facts that tell a changed file from an unchanged one."""

    bytes: int
    mtime_ns: int
    mark: Mark

    @property
    def is_known(self) -> bool:
        """False for a picture whose place was not asked yet: see UNASKED."""
        return self.bytes >= 0


UNASKED = FileStat(-1, 0, (0, 0, 0))
"""Of an address in a manifest: asking for each would take as long as reading it."""


class Text(NamedTuple):
    """A text that lies beside a picture, elsewhere than on this machine."""

    path: str
    """The source of its captions."""
    bytes: int
    offset: int = 0
    """In its tar."""


@dataclass(frozen=True)
class Entry:
    """A picture, a folder or another file that was listed; as `os.DirEntry` has them."""

    path: str
    stat: FileStat = UNASKED
    is_folder: bool = False
    texts: tuple[Text, ...] = ()
    """The texts beside it, whose version is part of its mark."""

    @property
    def name(self) -> str:
        """The last part of its path."""
        return os.path.basename(self.path)

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        """Whether it is a folder; there are no links."""
        return self.is_folder


def stat_of(status: os.stat_result) -> FileStat:
    """The state of a file for the catalog; a file system may claim any time."""
    mark = signed(status.st_dev), signed(status.st_ino), storable(status.st_ctime_ns)
    return FileStat(storable(status.st_size), storable(status.st_mtime_ns), mark)


def version_of(*facts: object) -> int:
    """A number of 64 bits, with a sign, that stands for these facts."""
    digest = blake2b(repr(facts).encode("utf-8", "surrogateescape"), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)
