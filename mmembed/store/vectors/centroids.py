"""The centroids of cells: the nearest one of a vector owns it. Owns usearch.

A query is compared with all centroids, which takes less time than a search of their graph. Each of
millions of vectors is assigned by a USearch graph over the centroids.
"""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress
from functools import cached_property
from typing import Any

import numkong
import numpy as np
from numpy.typing import NDArray

if sys.platform == "linux":
    # USearch's wheel contains and exports a C++ library of its own. A library that loads the
    # system's later gets parts of both, and torch then compiles for ever.
    with suppress(OSError):
        ctypes.CDLL("libstdc++.so.6", ctypes.RTLD_GLOBAL)

from usearch.index import Index

from mmembed.store.vectors.int8_codes import Codes
from mmembed.store.vectors.packed_codes import packed

CONNECTIVITY = 16
EXPANSION_ADD = 128
EXPANSION_OWN = 16
"""Centroids that the search for the nearest one visits at least: 99.5 % are right among 4,000, and
most others are nearly as near."""

Owners = NDArray[np.int32]
"""The cell of each vector."""


class Centroids:
    """One centroid for each cell. They never change."""

    def __init__(self, codes: Codes) -> None:
        """codes: int8 (cells, dim), all different."""
        self.codes = codes

    def __len__(self) -> int:
        return len(self.codes)

    @cached_property
    def _packed(self) -> Any:
        return packed(self.codes)

    @cached_property
    def _graph(self) -> Index:
        """Made by one thread: several lose recall on small graphs, and give another one each
        time."""
        graph = Index(
            ndim=self.codes.shape[1],
            metric="ip",
            dtype="i8",
            connectivity=CONNECTIVITY,
            expansion_add=EXPANSION_ADD,
            expansion_search=EXPANSION_OWN,
            enable_key_lookups=False,
        )
        graph.add(np.arange(len(self), dtype=np.uint64), self.codes, threads=1)
        return graph

    def scores(self, codes: Codes) -> NDArray[np.int32]:
        """The inner products of n vectors with all centroids: int8 (n, dim) → int32 (n, cells)."""
        scores: Any = numkong.dots_packed(codes, self._packed)
        return np.asarray(scores)[:, : len(self)]

    def owners(self, codes: Codes) -> Owners:
        """The nearest centroid of each vector: int8 (n, dim) → int32 (n,). By all cores, but for
        one caller at a time."""
        if not len(codes):
            return np.empty(0, np.int32)
        keys = self._graph.search(codes, 1, threads=os.cpu_count() or 1).keys
        owners: Owners = np.asarray(keys).reshape(-1).astype(np.int32)
        return owners
