"""A collection of so many clustered vectors, bound to a model: for http_load.py at any size.

    python -m benchmarks.filled --data FOLDER --images 100000 --model local-dir:FOLDER

The items name files that are not there: they can be searched, not shown.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.index_job import BATCH
from benchmarks.vectors import clustered
from mmembed import Settings, load_encoder
from mmembed.store.entries import ImageEntry, Model
from mmembed.store.sqlite import Catalog


def main() -> None:
    """As the command line asks."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--model", default="bundled")
    asked = parser.parse_args()
    fill(asked.data, asked.images, asked.model)


def fill(data: Path, images: int, model: str) -> None:
    """Write the vectors into a folder, in batches, as an indexer does."""
    encoder = load_encoder(model, cache=Settings.from_env().cache)
    catalog = Catalog(data)
    catalog.claim(Model(encoder.facts.name, encoder.facts.fingerprint, encoder.facts.dim))
    rows = clustered(images, encoder.facts.dim, seed=1)
    for start in range(0, len(rows), BATCH):
        print(f"{start:,} of {len(rows):,}", file=sys.stderr)
        catalog.write(
            [entry(number, rows[number]) for number in range(start, min(start + BATCH, len(rows)))]
        )
    catalog.close()


def entry(number: int, row: NDArray[np.float16]) -> ImageEntry:
    """An image of the usual size, somewhere."""
    name = f"/pictures/{number // 1000:04}/{number:08}.jpg"
    digest = hashlib.sha256(name.encode()).hexdigest()
    return ImageEntry(name, digest, row.astype("f4"), 4000, 3000, 3_000_000, "JPEG", 0)


if __name__ == "__main__":
    main()
