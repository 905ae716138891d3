"""faiss's flat index and its HNSW, over float32 vectors and inner products."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.index_job import K, Rows, portions, run, unit

CONNECTIVITY = 32
EXPANSION_ADD = 128


class Faiss:
    """`flat` or `hnsw`; its file is read into memory."""

    def __init__(self, variant: str) -> None:
        self.variant = variant
        self.threads: int = faiss.omp_get_max_threads()
        self.index: Any = None

    def build(self, folder: Path) -> float:
        """As its documentation does it: every vector added, in portions, by all threads."""
        started = time.perf_counter()
        for start, vectors in portions(folder):
            if start == 0:
                self.index = self.empty(vectors.shape[1])
            self.index.add(unit(vectors))
        seconds = time.perf_counter() - started
        faiss.write_index(self.index, str(self.file(folder)))
        return seconds

    def open(self, folder: Path) -> None:
        """Read the file."""
        self.index = faiss.read_index(str(self.file(folder)))

    def search(self, queries: Rows) -> NDArray[np.int64]:
        """int64 (m, 10). It gives every thread queries of its own; for one query a second
        thread only has to be woken."""
        faiss.omp_set_num_threads(min(len(queries), self.threads))
        ids: NDArray[np.int64] = self.index.search(queries, K)[1]
        return ids

    def widen(self, effort: int) -> None:
        """`efSearch`"""
        self.index.hnsw.efSearch = effort

    def empty(self, dim: int) -> Any:
        """An index without vectors."""
        if self.variant == "flat":
            return faiss.IndexFlatIP(dim)
        index = faiss.IndexHNSWFlat(dim, CONNECTIVITY, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = EXPANSION_ADD
        return index

    def file(self, folder: Path) -> Path:
        """Where it lies."""
        return folder / f"faiss-{self.variant}.index"


if __name__ == "__main__":
    run(Faiss(sys.argv[3]), Path(sys.argv[2]), sys.argv[1])
