"""The centroids of cells: the nearest one of a vector owns it."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

import numkong
import numpy as np
from numpy.typing import NDArray

from mmembed.store.vectors.int8_codes import Codes
from mmembed.store.vectors.packed_codes import packed

PORTION = 512
"""Vectors that are compared with all centroids at a time."""

Owners = NDArray[np.int32]
"""The cell of each vector."""


class Centroids:
    """One centroid for each cell. They never change."""

    def __init__(self, codes: Codes) -> None:
        """codes: int8 (cells, dim)."""
        self.codes = codes

    def __len__(self) -> int:
        return len(self.codes)

    @cached_property
    def _packed(self) -> Any:
        return packed(self.codes)

    def scores(self, codes: Codes) -> NDArray[np.int32]:
        """The inner products of n vectors with all centroids: int8 (n, dim) → int32 (n, cells)."""
        scores: Any = numkong.dots_packed(codes, self._packed)
        return np.asarray(scores)[:, : len(self)]

    def owners(self, codes: Codes) -> Owners:
        """The nearest centroid of each vector: int8 (n, dim) → int32 (n,). By all cores."""
        if not len(codes):
            return np.empty(0, np.int32)
        parts = [codes[start : start + PORTION] for start in range(0, len(codes), PORTION)]
        self.scores(codes[:1])  # packs the centroids, before several threads would
        with ThreadPoolExecutor(os.cpu_count() or 1, "owners") as threads:
            found = list(threads.map(self._owners, parts))
        return np.concatenate(found)

    def _owners(self, codes: Codes) -> Owners:
        owners: Owners = self.scores(codes).argmax(axis=1).astype(np.int32)
        return owners
