"""What one writes by hand: a float32 matrix product, and the ten largest of it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.index_job import K, Rows, portions, run, unit


class Product:
    """All vectors in memory, as float32."""

    def build(self, folder: Path) -> float:
        """There is nothing to build."""
        return 0.0

    def open(self, folder: Path) -> None:
        """Read the vectors."""
        vectors = np.load(folder / "vectors.npy", mmap_mode="r")
        self.rows = np.empty(vectors.shape, dtype=np.float32)
        for start, some in portions(folder):
            self.rows[start : start + len(some)] = unit(some)

    def search(self, queries: Rows) -> NDArray[np.int64]:
        """int64 (m, 10)."""
        scores = queries @ self.rows.T if len(queries) > 1 else (self.rows @ queries[0])[None]
        best = np.argpartition(scores, -K, axis=1)[:, -K:]
        order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1)
        return np.take_along_axis(best, order, axis=1)

    def widen(self, effort: int) -> None:
        """It looks at all of them anyway."""


if __name__ == "__main__":
    run(Product(), Path(sys.argv[2]), sys.argv[1])
