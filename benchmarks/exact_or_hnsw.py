"""From how many vectors on is HNSW faster than exact search, and what does it miss?

Both ways answer the same queries over the same clustered unit vectors, in turns, in one run:

    python benchmarks/exact_or_hnsw.py --dim 512 --sizes 2000 10000 50000 200000

Prints the median milliseconds of a search for the best ten, on both ways, and the recall@10
of HNSW with rescoring. `exact_limit` in mmembed/config.py is chosen from it.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmembed.index import VectorView

QUERIES = 200
K = 10
CLUSTERS = 500


def clustered(count: int, dim: int, seed: int) -> NDArray[np.float32]:
    """float32 (count, dim), unit-norm: points around random centres, as embeddings lie."""
    centres = np.random.default_rng(0).normal(size=(CLUSTERS, dim))
    random = np.random.default_rng(seed)
    rows = centres[random.integers(CLUSTERS, size=count)] + random.normal(size=(count, dim)) * 0.7
    unit: NDArray[np.float32] = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype("f4")
    return unit


def filled(vectors: NDArray[np.float32], exact_limit: int) -> VectorView:
    """A view that never touches the disk."""
    view = VectorView(Path("unused"), kind="image", dim=vectors.shape[1], exact_limit=exact_limit)
    view.rebuild([(range(1, len(vectors) + 1), vectors.astype(np.float16))], seq=1)
    return view


def compare(size: int, dim: int) -> tuple[float, float, float]:
    """Median milliseconds of exact search and of HNSW, and the recall@10 of the latter."""
    vectors = clustered(size, dim, seed=1)
    views = filled(vectors, exact_limit=size), filled(vectors, exact_limit=0)
    times: tuple[list[float], list[float]] = ([], [])
    found = 0
    for query in clustered(QUERIES, dim, seed=2):
        answers = []
        for view, spent in zip(views, times, strict=True):
            started = time.perf_counter()
            answers.append(set(view.search(query, K).ids.tolist()))
            spent.append((time.perf_counter() - started) * 1000)
        found += len(answers[0] & answers[1])
    return statistics.median(times[0]), statistics.median(times[1]), found / QUERIES / K


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--sizes", type=int, nargs="+", default=[2_000, 10_000, 50_000, 100_000])
    asked = parser.parse_args()
    heads = ("vectors", "exact ms", "HNSW ms", "recall@10")
    print(*(f"{head:>9}" for head in heads), f"  ({asked.dim} dimensions)")
    for size in asked.sizes:
        exact, graph, recall = compare(size, asked.dim)
        print(f"{size:>9,} {exact:>9.2f} {graph:>9.2f} {recall:>9.4f}")


if __name__ == "__main__":
    main()
