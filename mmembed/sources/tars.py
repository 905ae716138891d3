"""The members of a tar, without unpacking it; of a WebDataset, texts belong to their pictures.

A tar whose list breaks off has lost members, so it is never taken for whole.
"""

from __future__ import annotations

import tarfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple, cast

from mmembed.sources.entries import IN_TAR, Entry, FileStat, Text
from mmembed.store.entries import storable

LONGEST_NAME = 1024
"""Characters of a member's name."""
TEXTS = (".txt", ".json")
"""Endings of the texts of a sample: captions, and an object of captions, tags and fields."""
LONGEST_HEADER = 2**20
"""Bytes that the name and the attributes of one member may take."""
HEADER = tarfile.BLOCKSIZE
"""Bytes of the header that lies right before a member."""
END = b"\0" * tarfile.BLOCKSIZE


class Member(NamedTuple):
    """A file in a tar."""

    name: str
    bytes: int
    offset: int
    """Of its first byte in the tar."""
    mtime_ns: int


@dataclass
class TarList:
    """The members of a tar by name; of two with one name, the later one, as tar unpacks them."""

    members: list[Member] = field(default_factory=list)
    faults: list[tuple[str, str]] = field(default_factory=list)
    """Members that cannot be used, with the reasons."""
    broken: str = ""
    """Why the list ends before the tar does; empty for a whole one."""


def list_tar(file: BinaryIO) -> TarList:
    """The members of an open tar. Raises OSError where it cannot be read."""
    listed = TarList()
    found: dict[str, Member] = {}
    try:
        # "r:" is a tar that is not compressed: only there can members be read alone.
        with tarfile.open(fileobj=cast(BinaryIO, _Headers(file)), mode="r:") as tar:
            while (info := tar.next()) is not None:
                tar.members.clear()  # type: ignore[attr-defined]  # they would stay in memory
                _sort(info, found, listed)
            # tarfile ends without a word at a header that it cannot read.
            file.seek(tar.offset)
            if file.read(len(END)) != END:
                listed.broken = "ends without its end mark: it was cut, or is damaged"
    except tarfile.TarError as error:
        listed.broken = f"cannot be read as a tar: {error}"
    listed.members = list(found.values())
    return listed


class _Headers:
    """A tar of which the headers are read: their length is a number in the file."""

    def __init__(self, file: BinaryIO) -> None:
        self.seek = file.seek
        self.tell = file.tell
        self._file = file

    def read(self, size: int) -> bytes:
        """As a file does. Raises ReadError for more than a header may have."""
        if size > LONGEST_HEADER:
            raise tarfile.ReadError(f"a header of {size:,} bytes, limit {LONGEST_HEADER:,}")
        return self._file.read(size)


def _sort(info: tarfile.TarInfo, found: dict[str, Member], listed: TarList) -> None:
    if info.isdir():
        return
    name = info.name
    while name.startswith(("./", "/")):
        name = name[2:] if name.startswith("./") else name[1:]
    fault = _fault(info, name)
    if fault:
        listed.faults.append((name[:LONGEST_NAME], fault))
        return
    seconds = info.mtime if isinstance(info.mtime, int | float) else 0
    mtime_ns = storable(int(max(min(seconds, 2**33), 0) * 10**9))
    found[name] = Member(name, info.size, info.offset_data, mtime_ns)


def _fault(info: tarfile.TarInfo, name: str) -> str:
    if not info.isreg() or info.issparse():
        return "a link, a device or a sparse file, not a plain file"
    if len(name) > LONGEST_NAME:
        return f"a name of {len(name):,} characters, limit {LONGEST_NAME:,}"
    if not name or {"", ".", ".."} & set(name.split("/")) or "\0" in name:
        return "a name that leads out of the tar, or nowhere"
    try:
        name.encode()
    except UnicodeEncodeError:
        return "the name is not valid UTF-8"
    return ""


def content_of(block: bytes, size: int) -> bytes:
    """The bytes of a member, or the first of them, from a part of a tar that begins HEADER bytes
    before them. Raises ValueError if no member of that size lies there any more."""
    try:
        info = tarfile.TarInfo.frombuf(block[:HEADER], "utf-8", "surrogateescape")
    except tarfile.HeaderError as error:
        raise ValueError("no member begins there") from error
    if info.size != size or not info.isreg():
        raise ValueError("another member begins there")
    return block[HEADER:]


def entries_of(tar: str, version: int, members: Iterable[Member]) -> Iterator[Entry]:
    """The members as entries, each with the texts of its sample. version: of the tar, since all
    that lies in it may have changed with it."""
    some = list(members)
    texts: dict[str, list[Text]] = defaultdict(list)
    for member in some:
        key, ending = sample_of(member.name)
        if ending in TEXTS:
            texts[key].append(Text(f"{tar}/{member.name}", member.bytes, member.offset))
    for member in some:
        key, ending = sample_of(member.name)
        stat = FileStat(member.bytes, member.mtime_ns, (IN_TAR, member.offset, version))
        beside = () if ending in TEXTS else tuple(texts.get(key, ()))
        yield Entry(f"{tar}/{member.name}", stat, texts=beside)


def sample_of(name: str) -> tuple[str, str]:
    """The key of the sample that a member belongs to, and its ending: `a/b.seg.png` → `a/b`,
    `.seg.png`. That is the rule of WebDataset."""
    folder, slash, base = name.rpartition("/")
    stem, dot, ending = base.partition(".")
    return f"{folder}{slash}{stem}", f"{dot}{ending}".lower()


def is_beside(text: str, picture: str) -> bool:
    """Whether a text belongs to the sample of a picture, by their paths."""
    return sample_of(text)[0] == sample_of(picture)[0]
