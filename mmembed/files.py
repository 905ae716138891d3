"""Writes files aside and renames them; sealed files get a checksum.

A sealed file ends with a checksum over its content and its subject. So reading it detects damage,
and a file that was put in another's place.
"""

from __future__ import annotations

import errno
import hashlib
import mmap
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TypeAlias

Part: TypeAlias = bytes | bytearray | memoryview | mmap.mmap

ASIDE = ".new"
"""Suffix of the names of incomplete files."""
PRIVATE, SHARED = 0o600, 0o666
"""Modes of new files, before the umask: private for given data, readable for derived data."""
SEAL_BYTES = 32
CHUNK_BYTES = 2**20
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def is_full(error: BaseException) -> bool:
    """Whether there was no room for a file: on the disk, in a quota, or within a file's limit."""
    return isinstance(error, OSError) and error.errno in _NO_ROOM


def replace(
    path: Path,
    *parts: Part,
    mode: int = SHARED,
    durable: bool = False,
    one_writer: bool = False,
) -> None:
    """Make a file hold these parts, or leave it as it was; see `replacing`. Raises OSError."""
    with replacing(path, mode=mode, durable=durable, one_writer=one_writer) as file:
        for part in parts:
            file.write(part)


@contextmanager
def replacing(
    path: Path, *, mode: int = SHARED, durable: bool = False, one_writer: bool = False
) -> Iterator[BinaryIO]:
    """A file to write, which takes this path when the block succeeds. Raises OSError.

    durable: its bytes survive a power cut; for its name, see `sync_folder`. one_writer: the caller
    holds a lock, so the next write overwrites the temporary file of a killed process.
    """
    unique = "" if one_writer else f".{secrets.token_hex(6)}"
    aside = path.with_name(f"{path.name}{unique}{ASIDE}")
    only = os.O_TRUNC if one_writer else os.O_EXCL
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | only | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            if durable:
                sync(file)
        os.replace(aside, path)
    except BaseException:  # Ctrl-C too
        aside.unlink(missing_ok=True)  # on a full disk the space is needed
        raise


def move(path: Path, to: Path) -> None:
    """Give a file another name in one step, in place of the file that had it. Raises OSError."""
    os.replace(path, to)


def sync(file: BinaryIO) -> None:
    """Let the bytes of an open file survive a power cut. Raises OSError."""
    file.flush()
    os.fsync(file.fileno())


def make_part(part: Path) -> None:
    """Make a folder and its parent, for their owner alone. Higher folders are not made: a data
    folder that was moved away must not come back empty. Raises OSError."""
    for folder in (part.parent, part):
        folder.mkdir(mode=0o700, exist_ok=True)


def sync_folder(folder: Path) -> None:
    """Let the names in a folder survive a power cut. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(file: BinaryIO) -> str:
    """SHA-256 of an open file from where it stands to its end, hex. Raises OSError."""
    digest = hashlib.sha256()
    while chunk := file.read(CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()


def write_sealed(path: Path, content: bytes, *, about: str, mode: int = SHARED) -> None:
    """Write a file with its checksum. Raises OSError."""
    replace(path, content, _seal(content, about), mode=mode)


def sealed(content: bytes, *, about: str) -> bytes:
    """The content with its checksum, as a sealed file holds them."""
    return content + _seal(content, about)


def unsealed(data: bytes, *, about: str) -> bytes:
    """The content of a sealed file's bytes. Raises ValueError if it was damaged or sealed for
    another subject."""
    content, seal = data[:-SEAL_BYTES], data[-SEAL_BYTES:]
    if seal != _seal(content, about):
        raise ValueError("its checksum does not hold")
    return content


def read_sealed(path: Path, *, about: str) -> bytes:
    """The content of a sealed file. Raises OSError, and ValueError if it was damaged or sealed for
    another subject."""
    with open(path, "rb", buffering=0) as file:
        size = max(0, os.fstat(file.fileno()).st_size - SEAL_BYTES)
        content = _read(file, size)
        seal = _read(file, SEAL_BYTES + 1)
    if seal != _seal(content, about):
        raise ValueError("its checksum does not hold")
    return content


def _read(file: BinaryIO, size: int) -> bytes:
    content = file.read(size)
    while len(content) < size and (more := file.read(size - len(content))):
        content += more  # a system may give less than requested at once
    return content


def _seal(content: bytes, about: str) -> bytes:
    # SHA-256 because processors have instructions for it: it is read at every start.
    digest = hashlib.sha256(about.encode() + b"\0")
    digest.update(content)
    return digest.digest()
