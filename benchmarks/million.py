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
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmembed.filters.tree import Test, Where
from mmembed.store.entries import ImageEntry, Model
from mmembed.store.folder_store import FolderStore
from mmembed.store.vectors.subset import Subset

DIM = 512
THEMES, SCENES = 200, 20_000
BATCH = 20_000
K = 10
CALLERS = 32
TIE = 1e-6
MODEL = Model("benchmark", "benchmark", DIM)

Vectors = NDArray[np.float32]
Ask = Callable[[Vectors], Sequence[int]]


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


class Judge:
    """The exact answers, by NumPy, over the vectors as they are stored."""

    def __init__(self, ids: NDArray[np.int64], vectors: Vectors) -> None:
        self.ids, self.vectors = ids, vectors

    def search(self, query: Vectors, passing: NDArray[np.bool_] | None = None) -> list[int]:
        """The ids of the nearest K that pass."""
        cosines = self.vectors @ query
        if passing is not None:
            cosines = np.where(passing, cosines, -2)
        best = np.argpartition(-cosines, K)[:K]
        return [int(i) for i in self.ids[best[np.argsort(-cosines[best])]]]

    def recall(self, query: Vectors, answer: Sequence[int], right: Sequence[int]) -> float:
        """The share of the right answers, or of equally near ones."""
        if not right:
            return 1.0
        least = min(self.vectors[np.searchsorted(self.ids, right)] @ query)
        near = self.vectors[np.searchsorted(self.ids, list(answer)[:K])] @ query
        return float((near >= least - TIE).sum()) / K


def row(name: str, ask: Ask, queries: Vectors, judge: Judge, right: list[list[int]]) -> list[str]:
    """One line of the table: p50, p99, recall, and searches a second by 32 callers."""
    ask(queries[0])
    times, recalls = [], []
    for query, best in zip(queries, right, strict=True):
        started = time.perf_counter()
        answer = ask(query)
        times.append(1000 * (time.perf_counter() - started))
        recalls.append(judge.recall(query, answer, best))
    with ThreadPoolExecutor(CALLERS) as pool:
        list(pool.map(ask, queries[:CALLERS]))
        many = np.tile(queries, (5, 1))
        cpu, started = time.process_time(), time.perf_counter()
        list(pool.map(ask, many))
        wall, cpu = time.perf_counter() - started, time.process_time() - cpu
    p50, p99 = np.percentile(times, (50, 99))
    figures = (f"{p50:.2f}", f"{p99:.2f}", f"{np.mean(recalls):.4f}", f"{len(many) / wall:,.0f}")
    return [name, *figures, f"{1000 * cpu / len(many):.2f}"]


def faiss_rows(path: Path, folder: Path, judge: Judge, queries: Vectors, right: Any) -> Any:
    """faiss's HNSW at growing effort, in process; with one core for each search."""
    sys.path.insert(0, str(path))
    import faiss

    kept = folder / "faiss.index"
    if kept.exists():
        index = faiss.read_index(str(kept))
    else:
        say("building faiss's HNSW")
        index = faiss.IndexHNSWFlat(DIM, 32, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = 128
        index.add(judge.vectors)
        faiss.write_index(index, str(kept))
    faiss.omp_set_num_threads(1)
    for effort in (64, 128, 256, 512, 1024):
        index.hnsw.efSearch = effort

        def ask(query: Vectors) -> list[int]:
            return [int(i) for i in judge.ids[index.search(query[None], K)[1][0]]]

        yield row(f"faiss HNSW 32/128/{effort}", ask, queries, judge, right)


def filters(themes: int) -> dict[str, Where]:
    """The filters by their names: a random share, or folders of whole themes."""
    shares: dict[str, Where] = {
        f"{share / 10:g} %, anywhere": Test("width", "<=", share) for share in (1, 10, 100, 500)
    }
    for count in (1, themes // 100, themes // 10, themes // 2):
        folders = tuple(f"/pictures/{theme:03}" for theme in range(count))
        shares[f"folders of {count} of {themes} themes"] = Test("folder", "in", folders)
    return shares


def filtered(store: FolderStore, judge: Judge, queries: Vectors) -> list[list[str]]:
    """The table of filtered searches: the first call apart."""
    view = store._views.view("image")
    assert view is not None
    lines = []
    for name, where in filters(THEMES).items():
        matching = store.vectors_matching("image", where)
        passing = np.isin(judge.ids, matching)
        started = time.perf_counter()
        store.search(queries[0], K, where, kind="image")
        first = 1000 * (time.perf_counter() - started)
        among = Subset(np.array(matching, dtype=np.int64))
        right = [judge.search(query, passing) for query in queries]

        def ask(query: Vectors, among: Any = among) -> list[int]:
            return [int(i) for i in view.search_among(query, among, K).ids]

        line = row(name, ask, queries, judge, right)
        lines.append([name, f"{passing.mean():.4f}", f"{first:.0f}", *line[1:]])
    return lines


def table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Markdown."""
    rows = [heads, ["---"] * len(heads), *lines]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def main() -> None:
    """As the command line asks."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--recall", type=float, default=0.99)
    parser.add_argument("--faiss", type=Path)
    parser.add_argument("--build-only", action="store_true")
    options = parser.parse_args()
    world, data = World(), options.folder / "data"
    fill(data, options.images, world)
    store = FolderStore(data, exact_limit=1000, recall=options.recall)
    note = options.folder / "built.json"
    if not note.exists():
        cpu, started = time.process_time(), time.perf_counter()
        store.publish()
        cost = {"wall_s": time.perf_counter() - started, "cpu_s": time.process_time() - cpu}
        cost["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        note.write_text(json.dumps(cost))
    store.close()
    print("built:", note.read_text())
    if options.build_only:
        return
    before, started = memory_mb(), time.perf_counter()
    store = FolderStore(data, exact_limit=1000, recall=options.recall)
    view = store._views.view("image")
    assert view is not None
    graph = view._now.graph
    assert graph is not None
    print(f"opened in {time.perf_counter() - started:.1f} s, {memory_mb() - before} MB more")
    print(graph.reach)
    ids = view.ids()
    judge = Judge(ids, view._now.table.rows(ids))
    half = options.queries // 2
    heads = ("way", "p50, ms", "p99, ms", "recall@10", f"searches/s, {CALLERS} callers", "CPU ms")
    for kind, queries in (
        ("as the vectors lie", world.draw(half, seed=2)[0]),
        ("beside them, as words", world.beside(half, seed=3)),
    ):
        right = [judge.search(query) for query in queries]

        def ask(query: Vectors) -> list[int]:
            return [int(i) for i in view.search(query, K).ids]

        lines = [row("mmembed", ask, queries, judge, right)]
        lines.append(row("NumPy", judge.search, queries[:10], judge, right[:10]))
        if options.faiss:
            lines += faiss_rows(options.faiss, options.folder, judge, queries, right)
        print(f"\nQueries {kind}:\n\n{table(heads, lines)}")
    of_filters = ("filter", "share", "first call, ms", *heads[1:])
    print(f"\n{table(of_filters, filtered(store, judge, world.draw(half, seed=4)[0]))}")
    print(f"\nmemory at the end, with NumPy's float32 copy: {memory_mb()} MB")
    store.close()


if __name__ == "__main__":
    main()
