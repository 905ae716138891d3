"""The paths that a scan has met, eight bytes each: a hundred million of them fit into memory."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray


class SeenPaths:
    """A set of paths, kept as hashes of 64 bits. Two paths with one hash count as one: in a
    billion files, one in twenty collections has such a pair."""

    def __init__(self) -> None:
        self._hashes = array("Q")
        self._sorted: NDArray[np.uint64] = np.empty(0, np.uint64)

    def add(self, path: str) -> None:
        """Remember a path."""
        self._hashes.append(_hash(path))

    def among(self, paths: Sequence[str]) -> set[str]:
        """The given paths that were added."""
        if len(self._sorted) != len(self._hashes):
            self._sorted = np.sort(np.frombuffer(self._hashes, np.uint64))
        if not paths or not len(self._sorted):
            return set()
        hashes = np.array([_hash(path) for path in paths], np.uint64)
        places = np.minimum(np.searchsorted(self._sorted, hashes), len(self._sorted) - 1)
        return {path for path, i in zip(paths, self._sorted[places] == hashes, strict=True) if i}


def _hash(path: str) -> int:
    digest = blake2b(path.encode("utf-8", "surrogateescape"), digest_size=8).digest()
    return int.from_bytes(digest, "little")
