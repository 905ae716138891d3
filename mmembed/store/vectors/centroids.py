"""The centroids of cells in a USearch graph, which finds those next to a vector. Owns usearch.

USearch lets one thread at a time search an index. So each searcher has an index of its own, which
reads the same bytes.
"""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

if sys.platform == "linux":
    # USearch's wheel contains and exports a C++ library of its own. A library that loads the
    # system's later gets parts of both, and torch then compiles for ever.
    with suppress(OSError):
        ctypes.CDLL("libstdc++.so.6", ctypes.RTLD_GLOBAL)

from usearch.index import Index

from mmembed.errors import StoreError
from mmembed.files import Part
from mmembed.store.vectors.int8_codes import Codes

CONNECTIVITY = 16
EXPANSION_ADD = 128
EXPANSION_SEARCH = 64
"""Centroids that a search visits at least."""
EXPANSION_OWN = 16
"""The same to find the nearest one alone: 99.5 % are right among 4,000, and most others are nearly
as near."""

Searcher: TypeAlias = Index
"""Finds centroids, for one thread at a time."""
Owners = NDArray[np.int32]
"""The cell of each vector."""


class Centroids:
    """One centroid for each cell. They never change."""

    def __init__(self, codes: Codes, graph: Part) -> None:
        """codes: int8 (cells, dim). graph: verified bytes of an index over them, read in place."""
        self.codes = codes
        self.graph = graph

    @classmethod
    def of(cls, codes: Codes) -> Centroids:
        """An index over int8 (cells, dim), all different. One thread builds it: several lose recall
        on small graphs, and give another one each time."""
        index = _index(codes.shape[1])
        if len(codes):
            index.add(np.arange(len(codes), dtype=np.uint64), codes, threads=1)
        graph: bytearray = index.save()
        return cls(codes, graph)

    def __len__(self) -> int:
        return len(self.codes)

    def searcher(self) -> Searcher:
        """For one thread at a time. Raises StoreError if the bytes hold something else."""
        index = _index(self.codes.shape[1])
        try:
            index.view(self.graph)
        except Exception as error:  # USearch raises any error of its C++ core
            raise StoreError(f"cannot be loaded ({error})") from error
        expected = (self.codes.shape[1], len(self), _index(1).dtype)
        if (index.ndim, len(index), index.dtype) != expected:
            raise StoreError("holds something else than its stamp says")
        return index

    def owners(self, searcher: Searcher, codes: Codes) -> Owners:
        """The nearest centroid of each vector: int8 (n, dim) → int32 (n,). By all cores."""
        searcher.expansion_search = EXPANSION_OWN
        keys = searcher.search(codes, 1, threads=os.cpu_count() or 1).keys
        owners: Owners = np.asarray(keys).reshape(-1).astype(np.int32)
        return owners


def nearest_centroids(
    searcher: Searcher, code: NDArray[np.int8], count: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The nearest centroids to a vector, int8 (dim,), by falling inner product, and these."""
    matches = searcher.search(code, count, threads=1)
    return matches.keys.astype(np.int64), 1 - matches.distances


def _index(dim: int) -> Index:
    return Index(
        ndim=dim,
        metric="ip",
        dtype="i8",
        connectivity=CONNECTIVITY,
        expansion_add=EXPANSION_ADD,
        expansion_search=EXPANSION_SEARCH,
        enable_key_lookups=False,
    )
