"""The file of a view: written aside, fsynced, renamed, and verified before use.

Flipped bits in it would be wrong answers, and saving in place would lose the old file when the
process dies. The file is not mapped: a program that cuts it short or writes into it would end every
reading process.
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
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from mmembed import files
from mmembed.errors import StoreError
from mmembed.files import Part
from mmembed.store.vectors.int8_codes import Codes
from mmembed.store.vectors.reach import ALL, Band, Bands
from mmembed.store.vectors.rescoring import Ids
from mmembed.store.vectors.table import Table, Vectors

log = logging.getLogger(__name__)

LAYOUT = 4
FORMER_LAYOUTS = (1, 2, 3)
"""Graphs over all vectors, and cells of other codes. Search is exact until cells are built."""
VIEWED_FROM = 64 * 2**20
"""Bytes from which a copy of a file is used in place, not copied once more."""
CHUNK_BYTES = 16 * 2**20
"""Read while the part before is hashed."""

ALIGNED = 64
"""Each array starts at a multiple of so many bytes."""

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
    cells: int = 0
    in_cells: int = 0
    """The number of vectors in cells."""
    covers: int = 0
    """The last id in cells."""
    clustered: int = 0
    """The number of vectors when the centroids were chosen."""
    bands: Bands = ()
    beside: Band = (0.0, ALL)
    surely: tuple[float, float] = (0.0, 0.0)
    spread: float = 0.0
    recall: float = 0.0
    promise: float = 0.0
    """These six: see Reach."""
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


@dataclass(frozen=True)
class SnapshotParts:
    """The arrays in the file of a view."""

    axes: NDArray[np.float32]
    """See Rotation."""
    centroids: Codes
    starts: NDArray[np.int64]
    cell_ids: Ids
    codes: Codes
    """These three: see CellCodes."""
    ids: Ids
    vectors: Vectors
    """These two: of a table."""


def parts_of(arrays: Sequence[NDArray[Any]], table: Table) -> list[Part]:
    """The parts of a file: five arrays as in SnapshotParts, and a table."""
    ids = np.ascontiguousarray(table.ids)
    parts = [_bytes_of(array) for array in (*arrays, ids)]
    aligned = [part for whole in parts for part in (whole, bytes(-whole.nbytes % ALIGNED))]
    return [part for part in (*aligned, *map(_bytes_of, table.arrays())) if len(part)]


def _bytes_of(array: NDArray[Any]) -> memoryview:
    if not array.size:
        return memoryview(b"")
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return little.data.cast("B")


def parted(content: Part, stamp: Stamp) -> SnapshotParts:
    """The arrays in the content of a verified file. Raises StoreError if it does not fit the
    stamp."""
    whole, start, arrays = memoryview(content), 0, []
    shapes: tuple[tuple[str, tuple[int, ...]], ...] = (
        ("<f4", (stamp.dim, stamp.dim)),
        ("<i1", (stamp.cells, stamp.dim)),
        ("<i8", (stamp.cells + 1,)),
        ("<i8", (stamp.in_cells,)),
        ("<i1", (stamp.in_cells, stamp.dim)),
        ("<i8", (stamp.count,)),
        ("<f2", (stamp.count, stamp.dim)),
    )
    for dtype, shape in shapes:
        stop = start + int(np.dtype(dtype).itemsize * np.prod(shape))
        if stop > len(whole):
            raise StoreError("holds something else than its stamp says")
        arrays.append(np.frombuffer(whole[start:stop], dtype).reshape(shape))
        end, start = stop, stop + -stop % ALIGNED
    if end != len(whole) or _are_no_cells(arrays[2], stamp.in_cells):
        raise StoreError("holds something else than its stamp says")
    return SnapshotParts(*arrays)


def _are_no_cells(starts: NDArray[np.int64], vectors: int) -> bool:
    """Whether these cannot be the first places of cells of so many vectors."""
    return starts[0] != 0 or starts[-1] != vectors or bool((np.diff(starts) < 0).any())


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
        fields = json.loads(sidecar(path).read_bytes())
        if isinstance(fields, dict) and fields.get("layout") in FORMER_LAYOUTS:
            log.warning("%s: is of an earlier version; `mmembed index` makes it anew", path)
            return None
        stamp = Stamp(**fields)
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
