"""How well maps keep neighbours together, and whether clusters have right names.

    python -m benchmarks.map_quality FOLDER… [--model bundled]    → tables in Markdown
    python -m benchmarks.map_quality --vectors 100000             → time and memory

Each folder holds pictures and their captions as `benchmarks.hubs` reads them. Captions are for
judging alone; they are not indexed. A cluster's name is right if half of its pictures or more have
a word of it in a caption. Synonyms do not count, so that the figure is a lower bound.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.hubs import indexed, interval, stems
from benchmarks.vectors import DIM, clustered
from mmembed import Collection, Settings
from mmembed.explore.clusters.clusters import ClusterLevels, usual_counts
from mmembed.explore.clusters.clusters import clustered as clusters_of
from mmembed.explore.clusters.kmeans import nearest_centre
from mmembed.explore.map import tsne
from mmembed.explore.map.placing import Placing
from mmembed.explore.map.plane import Plane
from mmembed.explore.picture_vectors import PictureVectors, read_pictures
from mmembed.explore.principal_axes import principal_axes
from mmembed.search.ordering import unit_rows

NEAREST = 10
JUDGED = 2_000
"""Pictures whose neighbours are ranked."""
Floats = NDArray[np.float64]


def trustworthiness(rows: NDArray[np.float32], points: Floats) -> tuple[Floats, Floats]:
    """For each of up to JUDGED pictures, 1 less the penalty for strangers among its nearest on the
    map (Venna, Kaski 2001); and the share of its nearest that are so on the map, too.

    rows: float32 (n, dim), unit-norm; points: (n, 2).
    """
    count = len(rows)
    some = np.linspace(0, count - 1, min(JUDGED, count)).astype(int)
    worst = NEAREST * (2 * count - 3 * NEAREST - 1) / 2
    trust, kept = np.empty(len(some)), np.empty(len(some))
    for row, place in enumerate(some.tolist()):
        away = 1 - rows @ rows[place]
        away[place] = -1
        rank = np.empty(count, int)
        rank[np.argsort(away, kind="stable")] = np.arange(count)
        on_map = ((points - points[place]) ** 2).sum(axis=1)
        on_map[place] = -1
        nearest = np.argsort(on_map, kind="stable")[1 : NEAREST + 1]
        trust[row] = 1 - np.maximum(rank[nearest] - NEAREST, 0).sum() / worst
        kept[row] = (rank[nearest] <= NEAREST).mean()
    return trust, kept


def silent(done: int, total: int, failed: int) -> None:
    """No progress is shown."""


def judge_maps(pictures: PictureVectors) -> None:
    """Print how well each way of drawing keeps neighbours: fitted, and placed afterwards."""
    rows = unit_rows(pictures.rows)
    axes = principal_axes(pictures.rows)
    projected = axes.project(pictures.rows)
    print("| map | trustworthiness@10 | of ten nearest kept | s |\n|---|---|---|---|")
    begun = time.monotonic()
    shown = [("PCA", projected[:, :2], time.monotonic() - begun)]
    if tsne.is_installed():
        begun = time.monotonic()
        points = tsne.tsne(projected, silent)
        shown.append((tsne.name(), points, time.monotonic() - begun))
        shown.append(placed_half(projected))
    for name, points, seconds in shown:
        trust, kept = trustworthiness(rows, points.astype(np.float64))
        print(f"| {name} | {interval(trust)} | {interval(kept)} | {seconds:.1f} |")


def placed_half(rows: NDArray[np.float32]) -> tuple[str, NDArray[np.float32], float]:
    """A map that was fitted to every other picture; the rest is placed on it."""
    fitted = np.arange(0, len(rows), 2)
    others = np.arange(1, len(rows), 2)
    points = tsne.tsne(rows[fitted], silent)
    plane = Plane.around(points)
    axes = principal_axes(rows[:2].astype(np.float16))  # not used: the rows are projected
    placing = Placing(axes, plane, rows[fitted].astype(np.float16), plane.whole(points))
    begun = time.monotonic()
    found = np.empty((len(rows), 2), np.float32)
    found[fitted] = placing.points
    found[others] = placing.place(rows[others])
    return "half fitted, half placed", found, time.monotonic() - begun


def judge_names(
    levels: ClusterLevels, labels: Sequence[NDArray[np.int64]], captions: Sequence[set[str]]
) -> None:
    """Print how many names are right at each level. A name tells its cluster apart if its word is
    in the captions of the cluster's pictures twice as often as in those of all others."""
    print("\n| level | clusters | in half of the captions | tells apart | surer half, other half |")
    print("|---|---|---|---|---|")
    for number, (level, of) in enumerate(zip(levels.levels, labels, strict=True), 1):
        right, apart, sure = [], [], []
        for place, one in enumerate(level):
            if one.name is None:
                continue
            words = stems(one.name.text.partition(",")[0])
            has = np.array([bool(words & said) for said in captions])
            own, others = has[of == place], has[of != place]
            right.append(float(own.mean() >= 0.5))
            apart.append(float(own.sum() >= 2 and own.mean() >= 2 * others.mean()))
            sure.append(one.name.sure)
        split = np.argsort(np.array(sure), kind="stable")
        low, high = np.array_split(np.array(apart)[split], 2)
        shown = interval(np.array(right)), interval(np.array(apart))
        print(
            f"| {number} | {len(level)} | {shown[0]} | {shown[1]} | "
            f"{high.mean():.2f}, {low.mean():.2f} |"
        )


def judge(folders: Sequence[Path], model: str) -> None:
    """Index pictures, and print both tables and the names."""
    with tempfile.TemporaryDirectory() as work:
        pictures, captions = indexed(list(folders), Path(work))
        settings = Settings.from_env({}, data=Path(work) / "data", model=model)
        with Collection(settings) as collection:
            collection.index([pictures], progress=silent)
            collection.make_bank(silent)
            items = collection.items(limit=len(captions), kind="image")
            found = read_pictures(collection.store, np.array([item.id for item in items]))
            told = [stems(" ".join(captions[Path(str(item.path)).name])) for item in items]
            vocabulary = collection._exploration.vocabulary()
        print(f"{len(items)} pictures\n")
        judge_maps(found)
        rows = principal_axes(found.rows).project(found.rows)
        levels = clusters_of(found, rows, usual_counts(len(found)), vocabulary)
        by_level = labels_by_level(levels)
        judge_names(levels, by_level, told)
        for level, of in zip(levels.levels, by_level, strict=True):
            print()
            for place, one in enumerate(level):
                name = one.name and f"{one.name.sure:.2f} {one.name.text}, {one.name.also}"
                words = [word for said in np.array(told, object)[of == place] for word in said]
                common = sorted(set(words), key=lambda word: -words.count(word))[:14]
                print(f"{one.size:5} {name}   | {' '.join(common)}")


def labels_by_level(levels: ClusterLevels) -> list[NDArray[np.int64]]:
    """The cluster of each picture at each level, coarse ones first."""
    found = [levels.labels]
    for level in reversed(levels.levels[1:]):
        found.append(np.array([one.parent or 0 for one in level])[found[-1]])
    return found[::-1]


def measure(count: int) -> None:
    """Print the seconds of each step for synthetic vectors, and the largest memory."""
    rows = clustered(count, DIM, seed=1)
    pictures = PictureVectors(np.arange(1, count + 1), rows)
    fitted = PictureVectors(pictures.ids[:50_000], pictures.rows[:50_000])
    steps = {}
    begun = time.monotonic()
    axes = principal_axes(fitted.rows)
    projected = axes.project(fitted.rows)
    steps["principal axes"] = time.monotonic() - begun
    begun = time.monotonic()
    levels = clusters_of(fitted, projected, usual_counts(count), None)
    steps["clusters"] = time.monotonic() - begun
    begun = time.monotonic()
    points = tsne.tsne(projected, silent)
    steps["t-SNE"] = time.monotonic() - begun
    begun = time.monotonic()
    plane = Plane.around(points)
    placing = Placing(axes, plane, projected.astype(np.float16), plane.whole(points))
    for start in range(50_000, count, 5_000):
        some = axes.project(rows[start : start + 5_000])
        placing.place(some)
        nearest_centre(some, levels.centres)
    steps["placing the rest"] = time.monotonic() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(", ".join(f"{name} {seconds:.1f} s" for name, seconds in steps.items()))
    print(f"all {sum(steps.values()):.1f} s, at most {peak:.0f} MB with the vectors themselves")


def main() -> None:
    """Judge pictures, or measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--vectors", type=int, metavar="N")
    asked = parser.parse_args()
    if asked.vectors:
        measure(asked.vectors)
    if asked.folders:
        judge(asked.folders, asked.model)


if __name__ == "__main__":
    main()
