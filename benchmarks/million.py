"""A large collection in a folder: built, opened, searched, filtered, and searched by 32 at once.

    python -m benchmarks.million --folder /tmp/million --images 1000000 --faiss /tmp/faiss

The vectors lie as embeddings do: beside a common mean, in themes, each of scenes, more widely
spread in some directions than in others. Half of the queries lie as the vectors do. The others lie
beside them all, as queries in words do. faiss's HNSW and NumPy answer the same queries in the same
run; `pip install --target /tmp/faiss faiss-cpu` installs faiss. The folder is kept, and what is in
it is not built again. A million images take some 6 GB of disk and of memory, and about an hour on
two cores. --build-only builds the folder and stops.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.million_table import (
    HEADS,
    Judge,
    K,
    Vectors,
    Way,
    faiss_ways,
    filtered,
    ours,
    rows,
    table,
)
from mmembed.store.entries import ImageEntry, Model
from mmembed.store.folder_store import FolderStore
from mmembed.store.vectors import VectorView

DIM = 512
THEMES, SCENES = 200, 20_000
BATCH = 20_000
EXACT_LIMIT = 1_000
MODEL = Model("benchmark", "benchmark", DIM)


class World:
    """Where vectors lie, the same in each run."""

    def __init__(self) -> None:
        random = np.random.default_rng(0)
        spread = np.arange(1, DIM + 1) ** -0.5
        self.spread = (spread / np.sqrt((spread**2).mean())).astype("f4")
        turn, _ = np.linalg.qr(random.normal(size=(DIM, DIM)))
        self.turn = turn.astype("f4")
        self.mean = 0.9 * random.normal(size=DIM).astype("f4")
        themes = 0.6 * random.normal(size=(THEMES, DIM)) * self.spread
        self.theme_of = random.integers(THEMES, size=SCENES)
        scenes = 0.55 * random.normal(size=(SCENES, DIM)) * self.spread
        self.centres = (self.mean + themes[self.theme_of] + scenes).astype("f4")
        sizes = np.minimum(random.pareto(1.2, SCENES) + 0.3, 1000)
        self.ends = np.cumsum(sizes / sizes.sum())

    def draw(self, count: int, seed: int) -> tuple[Vectors, NDArray[np.int64]]:
        """float32 (count, DIM), unit-norm, and the theme of each."""
        random = np.random.default_rng(seed)
        scenes = np.minimum(np.searchsorted(self.ends, random.random(count)), SCENES - 1)
        noise = 0.55 * random.standard_normal((count, DIM), dtype="f4") * self.spread
        return unit((self.centres[scenes] + noise) @ self.turn), self.theme_of[scenes]

    def beside(self, count: int, seed: int) -> Vectors:
        """Directions as wide as the vectors are spread, far from all: float32 (count, DIM)."""
        random = np.random.default_rng(seed)
        weights = random.standard_normal((count, 2000), dtype="f4")
        picked = self.centres[random.choice(SCENES, 2000, replace=False)]
        return unit((weights @ (picked - picked.mean(axis=0))) @ self.turn)


def unit(rows: NDArray[Any]) -> Vectors:
    """float32, unit-norm."""
    scaled: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype("f4")
    return scaled


def fill(folder: Path, images: int, world: World) -> None:
    """Write the images into a catalog; a folder that has some gets the missing ones."""
    store = FolderStore(folder, exact_limit=images)
    store.claim(MODEL)
    random = np.random.default_rng(1)
    picks = random.permutation(images)
    for start in range(store.count() // BATCH * BATCH, images, BATCH):
        rows, themes = world.draw(min(BATCH, images - start), seed=1000 + start)
        entries = [
            ImageEntry(
                f"/pictures/{theme:03}/{number:09}.jpg",
                f"{number:064x}",
                row,
                1 + int(picks[number] * 1000 / images),  # width, by which filters pass a share
                1000,
                3_000_000,
                "JPEG",
                0,
            )
            for number, theme, row in zip(
                range(start, start + len(rows)), themes.tolist(), rows, strict=True
            )
        ]
        store.write(entries)
        say(f"{start + len(rows):,} of {images:,} images written")
    store.close()


def say(text: str) -> None:
    """Progress, on standard error."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def memory_mb() -> int:
    """The process's own memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 2**20


def publish(folder: Path, recall: float) -> None:
    """Build the cells, or measure those of another promise again."""
    store = FolderStore(folder / "data", exact_limit=EXACT_LIMIT, recall=recall)
    cpu, started = time.process_time(), time.perf_counter()
    store.publish()
    cost = {"wall_s": time.perf_counter() - started, "cpu_s": time.process_time() - cpu}
    cost["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    store.close()
    note = folder / "built.json"
    if note.exists():
        say(f"published, {cost}")
    else:
        note.write_text(json.dumps(cost))
    print("built:", note.read_text())


def opened(folder: Path, recall: float) -> tuple[FolderStore, VectorView]:
    """The store and its view, in cells."""
    before, started = memory_mb(), time.perf_counter()
    store = FolderStore(folder / "data", exact_limit=EXACT_LIMIT, recall=recall)
    view = store._views.view("image")
    assert view is not None
    print(f"opened in {time.perf_counter() - started:.1f} s, {memory_mb() - before} MB more")
    return store, view


def plain_tables(view: VectorView, judge: Judge, world: World, options: Any) -> None:
    """Print the tables of searches without a filter."""
    cells = view._now.cells
    assert cells is not None
    print(f"{len(cells.centroids)} cells, {cells.reach}")
    half = options.queries // 2

    def ask(query: Vectors) -> list[int]:
        return [int(i) for i in view.search(query, K).ids]

    ways = [ours(ask)]
    if options.faiss:
        ways += faiss_ways(options.faiss, options.folder, judge, options.efforts)
    for kind, queries in (
        ("as the vectors lie", world.draw(half, seed=2)[0]),
        ("beside them, as words", world.beside(half, seed=3)),
    ):
        least = judge.least(queries)
        lines = rows(ways, queries, judge, least)
        lines += rows([Way("NumPy", judge.search)], queries[:10], judge, least[:10])
        print(f"\nQueries {kind}:\n\n{table(HEADS, lines)}", flush=True)


def main() -> None:
    """As the command line asks."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--recall", type=float, default=0.99)
    parser.add_argument("--faiss", type=Path)
    parser.add_argument("--efforts", type=int, nargs="+", default=[128, 256, 1024, 2048])
    parser.add_argument("--build-only", action="store_true")
    options = parser.parse_args()
    world = World()
    fill(options.folder / "data", options.images, world)
    publish(options.folder, options.recall)
    if options.build_only:
        return
    store, view = opened(options.folder, options.recall)
    ids = view.ids()
    judge = Judge(ids, view._now.table.rows(ids))
    plain_tables(view, judge, world, options)
    queries = world.draw(options.queries // 2, seed=4)[0]
    heads = ("filter", "share", "first call, ms", *HEADS[1:])
    print(f"\n{table(heads, filtered(store, judge, queries, THEMES))}")
    print(f"\nmemory at the end, with NumPy's float32 copy: {memory_mb()} MB")
    store.close()


if __name__ == "__main__":
    main()
