"""The file of a view: written aside, fsynced, renamed, and verified before it is read.

USearch checks nothing when it opens a file: flipped bits in the graph are a crash, and
saving in place loses the old file when the process dies. So its bytes pass through here.
"""

from __future__ import annotations

import hashlib
import json
import logging
import mmap
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

log = logging.getLogger(__name__)

LAYOUT = 1
MAPPED_FROM = 64 * 2**20
"""Bytes from which on a file is not copied into memory, but mapped."""

Content = bytes | bytearray | mmap.mmap


@dataclass(frozen=True)
class Stamp:
    """What a snapshot is of; stored beside it, and compared before it is trusted."""

    layout: int
    collection: str
    fingerprint: str
    kind: str
    dim: int
    seq: int
    """The last change of the catalog that the snapshot holds."""
    mark: str
    """The random mark of that change; of another history, it differs."""
    count: int
    removed: int
    """How many of the graph's nodes are tombstones."""
    size: int = 0
    """Bytes of the file."""
    checksum: str = ""
    """blake2b of the other fields and the file, hex."""

    def sealed(self, content: Content) -> Stamp:
        """This stamp with the size and checksum of a file."""
        sized = replace(self, size=len(content), checksum="")
        digest = hashlib.blake2b(json.dumps(asdict(sized), sort_keys=True).encode())
        digest.update(content)
        return replace(sized, checksum=digest.hexdigest())


def sidecar(path: Path) -> Path:
    """Where the stamp of a snapshot lies."""
    return path.with_name(path.name + ".json")


def published_at(path: Path) -> int | None:
    """When a snapshot was published, in nanoseconds; None where there is none."""
    try:
        return sidecar(path).stat().st_mtime_ns
    except OSError:
        return None


def write(path: Path, content: bytes | bytearray, stamp: Stamp) -> None:
    """Publish a snapshot and its stamp; a reader sees the old pair, the new one, or a
    pair that does not match, which it will not trust. Raises OSError."""
    full = stamp.sealed(content)
    _replace(path, content)
    _replace(sidecar(path), json.dumps(asdict(full), indent=1).encode())
    _sync_folder(path.parent)


def read(path: Path, expected: Stamp) -> tuple[bytes | mmap.mmap, Stamp] | None:
    """The verified bytes and stamp of a snapshot, or None where it is missing or not to
    be trusted: another collection, model, kind or size, or a checksum that does not hold.

    A large file is mapped. What was verified is what is read later, too: a newer snapshot is
    another file in its place, and nothing else may write to it.
    """
    try:
        stamp = Stamp(**json.loads(sidecar(path).read_bytes()))
        content = _content(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, RecursionError) as error:
        log.warning("%s: cannot be read (%s); not used", path, error)
        return None
    if stamp.sealed(content) != stamp:
        log.warning("%s: fails its checksum; not used", path)
        return None
    for name in ("layout", "collection", "fingerprint", "kind", "dim"):
        if getattr(stamp, name) != getattr(expected, name):
            log.warning("%s: is of another %s; not used", path, name)
            return None
    return content, stamp


def discard(path: Path) -> None:
    """Delete a snapshot and its stamp, where there are any. Raises OSError."""
    for part in (sidecar(path), path):
        part.unlink(missing_ok=True)


def _content(path: Path) -> bytes | mmap.mmap:
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size < MAPPED_FROM:
            return file.read()
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _replace(path: Path, content: bytes | bytearray) -> None:
    aside = path.with_name(path.name + ".new")
    try:
        with aside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except BaseException:  # Ctrl-C too
        aside.unlink(missing_ok=True)  # on a full disk the space is needed
        raise


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
