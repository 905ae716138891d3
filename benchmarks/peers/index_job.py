"""An index under test as a process of its own; imports nothing but NumPy, so that it runs anywhere.

    python -m MODULE build FOLDER VARIANT    vectors.npy → a saved index, and what that cost as JSON
    python -m MODULE serve FOLDER VARIANT    answers lines on stdin, in JSON, until they end

FOLDER holds `vectors.npy`, float16 (n, dim), and `queries.npy`, float32 (m, dim), unit-norm.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

K = 10
BATCH = 10_000
MB = 1e6

Rows = NDArray[np.float32]


class Index(Protocol):
    """What is measured. Ids are places in `vectors.npy`."""

    def build(self, folder: Path) -> float:
        """Build and save it in the folder; the seconds of building, without saving."""

    def open(self, folder: Path) -> None:
        """Make ready what `build` saved."""

    def search(self, queries: Rows) -> NDArray[np.int64]:
        """float32 (m, dim), unit-norm → int64 (m, 10), the nearest first."""

    def widen(self, effort: int) -> None:
        """Look at so many candidates from now on."""


def portions(folder: Path) -> Iterator[tuple[int, NDArray[np.float16]]]:
    """The vectors in portions, each with the place of its first."""
    path = folder / "vectors.npy"
    for start in range(0, len(np.load(path, mmap_mode="r")), BATCH):
        # Opened anew each time: pages of a file that stays mapped would count as the index's.
        yield start, np.array(np.load(path, mmap_mode="r")[start : start + BATCH])


def unit(vectors: NDArray[Any]) -> Rows:
    """(n, dim) of any precision → float32 (n, dim), unit-norm."""
    rows = vectors.astype(np.float32)
    norms: Rows = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / norms


def run(index: Index, folder: Path, wanted: str) -> None:
    """Do what the command line asks for."""
    if wanted == "build":
        seconds = index.build(folder)
        unit_bytes = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes here
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit_bytes / MB
        tell({"build_s": seconds, "peak_mb": peak})
    else:
        serve(index, np.load(folder / "queries.npy"), folder)


def serve(index: Index, queries: Rows, folder: Path) -> None:
    """Answer. `{"first": i, "count": n}` → milliseconds and ids of these queries at once;
    `{"effort": n}` sets it; `{"memory": true}` → what came into memory since before opening."""
    before = resident_mb()
    started = time.perf_counter()
    index.open(folder)
    index.search(queries[:1])
    tell({"open_s": time.perf_counter() - started})
    for line in sys.stdin:
        asked = json.loads(line)
        if "effort" in asked:
            index.widen(asked["effort"])
            tell({})
        elif "memory" in asked:
            tell({"memory_mb": resident_mb() - before})
        else:
            tell(answer(index, queries[asked["first"] : asked["first"] + asked["count"]]))


def answer(index: Index, queries: Rows) -> dict[str, Any]:
    """Milliseconds and ids."""
    started = time.perf_counter()
    ids = index.search(queries)
    return {"ms": (time.perf_counter() - started) * 1000, "ids": ids.tolist()}


def resident_mb() -> float:
    """Memory that is in use now, pages of mapped files among it."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:  # not Linux
        return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) / MB
    return pages * os.sysconf("SC_PAGE_SIZE") / MB


def tell(what: dict[str, Any]) -> None:
    """One line for whoever started this process."""
    print(json.dumps(what), flush=True)
