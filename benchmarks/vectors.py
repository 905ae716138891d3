"""Vectors that lie as embeddings do, or somebody's own; float16, as the catalog keeps them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.index_job import BATCH, unit

DIM = 512
CLUSTERS = 1000
NOISE = 0.7

Vectors = NDArray[np.float16]


def clustered(count: int, dim: int, seed: int) -> Vectors:
    """float16 (count, dim), near unit-norm: points around random centres, as embeddings lie."""
    centres = np.random.default_rng(0).normal(size=(CLUSTERS, dim)).astype("f4")
    random = np.random.default_rng(seed)
    found = np.empty((count, dim), dtype=np.float16)
    for start in range(0, count, BATCH):
        part = found[start : start + BATCH]
        rows = random.normal(size=part.shape).astype("f4") * NOISE
        rows += centres[random.integers(CLUSTERS, size=len(part))]
        part[:] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return found


def prepare(folder: Path, count: int, queries: int, source: Path | None) -> None:
    """Write `vectors.npy`, float16 (count, dim), and `queries.npy`, float32 (queries, dim),
    unit-norm; vectors that are there stay, as indices were built of them. source: rows of an
    .npy file, the last ones as queries, in place of clustered ones. Raises ValueError where it
    has too few."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / "vectors.npy"
    if source is None:
        np.save(folder / "queries.npy", unit(clustered(queries, DIM, seed=2)))
        if not kept.exists():
            np.save(kept, clustered(count, DIM, seed=1))
        return
    rows = np.load(source, mmap_mode="r")
    if rows.ndim != 2 or len(rows) < count + queries:
        wanted = f"{count + queries:,} rows: {count:,} vectors and {queries:,} queries"
        raise ValueError(f"{source}: holds {rows.shape}; expected at least {wanted}")
    np.save(folder / "queries.npy", unit(rows[-queries:]))
    if not kept.exists():
        np.save(kept, unit(rows[:count]).astype(np.float16))
