"""The file of a view: written aside, fsynced, renamed, and verified before use.

USearch checks nothing when it opens a file: flipped bits in the graph are a crash. Saving in place
loses the old file when the process dies. So its bytes pass through this module. The file is not
mapped either: a program that cuts it short or writes into it would end every reading process.
"""

from __future__ import annotations

import hashlib
import json
import logging
import mmap
import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from mmembed import files
from mmembed.errors import StoreError
from mmembed.files import Part
from mmembed.store.vectors.reach import Limits
from mmembed.store.vectors.rescoring import Ids
from mmembed.store.vectors.table import Table, Vectors

log = logging.getLogger(__name__)

LAYOUT = 2
VIEWED_FROM = 64 * 2**20
"""Bytes from which a copy of a file is used in place, not copied once more."""
CHUNK_BYTES = 16 * 2**20
"""Read while the part before is hashed."""

ALIGNED = 64
"""The ids and vectors start at a multiple of so many bytes."""

Digest = hashlib.blake2b


@dataclass(frozen=True)
class Stamp:
    """The identity of a snapshot; stored beside it, and compared before use."""

    layout: int
    collection: str
    fingerprint: str
    kind: str
    dim: int
    seq: int = 0
    """The last change of the catalog that the snapshot holds."""
    mark: str = ""
    """The random mark of that change; of another history, it differs."""
    count: int = 0
    """The number of vectors."""
    nodes: int = 0
    """The number of vectors in the graph."""
    covers: int = 0
    """The last id in the graph."""
    graph_bytes: int = 0
    expansion: int = 0
    recall: float = 0.0
    promise: float = 0.0
    further: Limits | None = None
    """These four: see Reach. It is None in a snapshot of a former release."""
    size: int = 0
    """Bytes of the file."""
    checksum: str = ""
    """blake2b of the other fields and the file, hex."""

    def sealed(self, parts: Sequence[Part]) -> Stamp:
        """This stamp with the size and checksum of a file."""
        size = sum(memoryview(part).nbytes for part in parts)
        digest = self.digest(size)
        for part in parts:
            digest.update(part)
        return replace(self, size=size, checksum=digest.hexdigest())

    def digest(self, size: int) -> Digest:
        """The hash of these fields, to be continued with a file of `size` bytes."""
        fields = asdict(replace(self, size=size, checksum=""))
        if self.further is None:
            del fields["further"]  # so that snapshots of former releases stay valid
        return Digest(json.dumps(fields, sort_keys=True).encode())


def sidecar(path: Path) -> Path:
    """The path of a snapshot's stamp."""
    return path.with_name(path.name + ".json")


def published_at(path: Path) -> int | None:
    """The time of publication, in nanoseconds; None if there is no snapshot."""
    try:
        return sidecar(path).stat().st_mtime_ns
    except OSError:
        return None


def is_large(path: Path) -> bool:
    """Whether loading a snapshot takes longer than a search may."""
    try:
        return path.stat().st_size >= VIEWED_FROM
    except OSError:
        return False


def parts_of(graph: Part, table: Table) -> list[Part]:
    """The parts of a file: the graph, and the ids and vectors of a table."""
    size = memoryview(graph).nbytes
    ids = np.ascontiguousarray(table.ids, dtype="<i8")
    arrays = [array.data.cast("B") for array in (ids, *table.arrays()) if len(array)]
    return [graph, bytes(-size % ALIGNED), *arrays]


def parted(content: Part, stamp: Stamp) -> tuple[memoryview, Ids, Vectors]:
    """The graph, the ids, and the vectors in the content of a verified file. Raises StoreError if
    they do not fit the stamp."""
    whole, count = memoryview(content), stamp.count
    start = stamp.graph_bytes + -stamp.graph_bytes % ALIGNED
    middle = start + 8 * count
    if len(whole) != middle + 2 * stamp.dim * count:
        raise StoreError("holds something else than its stamp says")
    ids = np.frombuffer(whole[start:middle], dtype="<i8")
    vectors = np.frombuffer(whole[middle:], dtype="<f2").reshape(count, stamp.dim)
    return whole[: stamp.graph_bytes], ids, vectors


def write(path: Path, parts: Sequence[Part], stamp: Stamp) -> None:
    """Publish a snapshot and its stamp. A reader sees the old pair, the new pair, or a pair that
    does not match, which it ignores. Raises OSError."""
    full = stamp.sealed(parts)
    stamped = json.dumps(asdict(full), indent=1).encode()
    files.replace(path, *parts, durable=True, one_writer=True)
    files.replace(sidecar(path), stamped, durable=True, one_writer=True)
    files.sync_folder(path.parent)


def read(path: Path, expected: Stamp) -> tuple[bytes | mmap.mmap, Stamp] | None:
    """The verified bytes and stamp of a snapshot, or None if it is missing or invalid. It is
    invalid for another collection, model, kind or size, or with a wrong checksum.

    The bytes are the process's own copy in memory, which does not depend on the file any more. For
    a large file they are an anonymous mmap, otherwise bytes.
    """
    try:
        stamp = Stamp(**json.loads(sidecar(path).read_bytes()))
        content, checksum = _verified(path, stamp)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, RecursionError) as error:
        log.warning("%s: cannot be read (%s); not used", path, error)
        return None
    if (len(content), checksum) != (stamp.size, stamp.checksum):
        log.warning("%s: fails its checksum; not used", path)
        return None
    for name in ("layout", "collection", "fingerprint", "kind", "dim"):
        if getattr(stamp, name) != getattr(expected, name):
            log.warning("%s: is of another %s; not used", path, name)
            return None
    return content, stamp


def discard(path: Path) -> None:
    """Delete a snapshot and its stamp, if there are any. Raises OSError."""
    for part in (sidecar(path), path):
        part.unlink(missing_ok=True)


def _verified(path: Path, stamp: Stamp) -> tuple[bytes | mmap.mmap, str]:
    """A copy of a file, and the checksum that its stamp would have to have."""
    with path.open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        digest = stamp.digest(size)
        if size >= VIEWED_FROM:
            copy = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            # A search jumps from place to place: with small pages it takes a quarter longer.
            with suppress(AttributeError, OSError):
                copy.madvise(mmap.MADV_HUGEPAGE)
            _read(file, copy, digest)
            return copy, digest.hexdigest()
        content = file.read()
        digest.update(content)
        return content, digest.hexdigest()


def _read(file: BinaryIO, into: mmap.mmap, digest: Digest) -> None:
    """Fill memory from a file, and hash the bytes in a second thread."""
    done = 0
    hashed: Future[None] | None = None
    with memoryview(into) as whole, ThreadPoolExecutor(1, "hash") as hasher:
        while count := file.readinto(whole[done : done + CHUNK_BYTES]):  # type: ignore[attr-defined]
            if hashed is not None:
                hashed.result()
            hashed = hasher.submit(digest.update, whole[done : done + count])
            done += count
