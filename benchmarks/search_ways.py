"""The ways to find nearest neighbours: ours, what one writes by hand, and faiss."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from mmembed.config.settings import Settings

REFERENCE = "NumPy"


@dataclass(frozen=True)
class SearchWay:
    """A module that takes `build FOLDER VARIANT` and `serve FOLDER VARIANT`."""

    name: str
    python: Path
    module: str
    variant: str
    stored: str
    """What `build` makes, by name; ways may share it."""
    files: str
    """The pattern of its files."""
    packages: tuple[str, ...]
    can_be_widened: bool = False

    def command(self, wanted: str, folder: Path) -> list[str | Path]:
        """What to run."""
        return [self.python, "-m", f"benchmarks.{self.module}", wanted, folder, self.variant]

    def note(self, folder: Path) -> Path:
        """Where it is written what building cost; only then is it built."""
        return folder / f"{self.stored}.json"


def all_ways(peers: Path, size: int) -> list[SearchWay]:
    """NumPy first, which says what is right; of ours both, with a mark at what users get."""
    here, faiss = Path(sys.executable), peers / "faiss" / "bin" / "python"
    exactly = size <= Settings.exact_limit
    marks = (" (chosen)", "") if exactly else ("", " (chosen)")
    packages = ("mmembed", "numkong")
    by_hand, theirs = ("numpy",), ("faiss-cpu", "numpy")
    return [
        SearchWay(REFERENCE, here, "baselines.numpy_search", "", "numpy", "vectors.npy", by_hand),
        SearchWay(f"mmembed, exact{marks[0]}", here, "our_search", "exact", "mmembed-exact",
                  "vectors.npy", packages),
        SearchWay(f"mmembed, cells{marks[1]}", here, "our_search", "cells", "mmembed-cells",
                  "images.usearch", packages),
        SearchWay("faiss, flat", faiss, "peers.faiss", "flat", "faiss-flat", "faiss-flat.index",
                  theirs),
        SearchWay("faiss, HNSW 32/128", faiss, "peers.faiss", "hnsw", "faiss-hnsw",
                  "faiss-hnsw.index", theirs, can_be_widened=True),
    ]  # fmt: skip
