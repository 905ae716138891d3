"""mmembed's index: `exact`, over vectors alone, or `cells`, opened as a collection's."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.index_job import K, Rows, portions, run
from mmembed.store.vectors import VectorView

COLLECTION, FINGERPRINT, MARK = "benchmark", "benchmark", "benchmark"
ALL = sys.maxsize
CALLERS = 32


class Ours:
    """Searches exactly, or in cells, whatever the size."""

    def __init__(self, variant: str) -> None:
        self.cells = variant == "cells"
        self.view: VectorView

    def build(self, folder: Path) -> float:
        """The vectors, in cells if these are wanted."""
        started = time.perf_counter()
        self.view = self.empty(folder)
        self.view.rebuild(self.numbered(folder), seq=1, cells=self.cells)
        seconds = time.perf_counter() - started
        if self.cells:
            self.view.save(COLLECTION, FINGERPRINT, lambda seq: MARK)
        return seconds

    def open(self, folder: Path) -> None:
        """Read the vectors, or verify and map the snapshot. Raises RuntimeError where that is not
        to be trusted."""
        self.view = self.empty(folder)
        self.pool = ThreadPoolExecutor(CALLERS)
        if not self.cells:
            self.view.rebuild(self.numbered(folder), seq=1, cells=False)
        elif not self.view.load(COLLECTION, FINGERPRINT):
            raise RuntimeError(f"{self.view.path}: build it again")

    def search(self, queries: Rows) -> NDArray[np.int64]:
        """int64 (m, 10). Several are asked at once by several threads, as a server does it."""
        each = self.pool.map if len(queries) > 1 else map
        return np.stack(list(each(lambda query: self.view.search(query, K).ids, queries)))

    def widen(self, effort: int) -> None:
        """Left as users have it."""

    def empty(self, folder: Path) -> VectorView:
        """A view without vectors."""
        dim = np.load(folder / "queries.npy", mmap_mode="r").shape[1]
        path = folder / "images.usearch"
        return VectorView(path, kind="image", dim=dim, exact_limit=0 if self.cells else ALL)

    @staticmethod
    def numbered(folder: Path) -> Iterator[tuple[range, NDArray[np.float16]]]:
        """The vectors in portions, with their places as ids."""
        for start, vectors in portions(folder):
            yield range(start, start + len(vectors)), vectors


if __name__ == "__main__":
    run(Ours(sys.argv[3]), Path(sys.argv[2]), sys.argv[1])
