"""What an image and a query cost as one collection grows tenfold, and tenfold again, and how much
memory indexing takes. The built-in model embeds, so that the store is seen beside it."""

from __future__ import annotations

import itertools
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import pictures
from benchmarks.measurement import table
from benchmarks.processes import Run, run
from benchmarks.queries import MODEL

ADDED = 100  # images that are added at each size
HEADS = ("images", "new images/s", "peak MB", f"s to add {ADDED}", "s with nothing new",
         "query, ms", "first query, s")  # fmt: skip


@dataclass(frozen=True)
class Grown:
    """A collection at one size. Seconds are of whole processes, start-up included."""

    images: int
    images_per_second: float
    peak_mb: float
    seconds_to_add: float
    seconds_with_nothing_new: float
    query_ms: float
    first_query_seconds: float


def measure(cache: Path, sizes: Sequence[int]) -> list[Grown]:
    """One collection, indexed at each size and asked; the pictures are kept in the cache.

    sizes: each larger than the one before by more than are added there. Raises ValueError.
    """
    if any(after <= before + ADDED for before, after in itertools.pairwise(sizes)):
        raise ValueError(f"sizes {list(sizes)}: expected each above the one before by {ADDED}")
    with tempfile.TemporaryDirectory() as folder:
        shown_pictures = Path(folder) / "pictures"
        shown_pictures.mkdir()
        data, before, found = Path(folder) / "data", 0, []
        for size in sizes:
            print(f"growth to {size}", file=sys.stderr)
            found.append(grow(cache, shown_pictures, data, before, size))
            before = size + ADDED
        return found


def grow(cache: Path, shown_pictures: Path, data: Path, before: int, size: int) -> Grown:
    """From `before` pictures to `size`, and then some more."""
    show(cache, shown_pictures, before, size)
    indexed = index(shown_pictures, data)
    again = index(shown_pictures, data)
    show(cache, shown_pictures, size, size + ADDED)
    added = index(shown_pictures, data)
    answered = json.loads(run([sys.executable, "-m", "benchmarks.queries", data]).output)
    return Grown(
        images=size,
        images_per_second=(size - before) / max(indexed.seconds - again.seconds, 1e-9),
        peak_mb=indexed.peak_mb,
        seconds_to_add=added.seconds,
        seconds_with_nothing_new=again.seconds,
        query_ms=statistics.median(answered["ms"]),
        first_query_seconds=answered["first_ms"] / 1000,
    )


def show(cache: Path, folder: Path, start: int, stop: int) -> None:
    """Make small pictures and link them into the folder that is indexed, 1,000 in each."""
    made = cache / "pictures" / "tiny"
    pictures.tiny(made, start, stop - start)
    for index in range(start, stop):
        part = folder / f"{index // 1000:03}"
        part.mkdir(exist_ok=True)
        (part / f"{index:06}.jpg").write_bytes((made / f"{index:06}.jpg").read_bytes())


def index(folder: Path, data: Path) -> Run:
    """`mmembed index`"""
    command = [sys.executable, "-m", "mmembed", "index", str(folder)]
    return run([*command, "--data", str(data), "--model", MODEL])


def shown(found: Sequence[Grown]) -> str:
    """The Markdown table."""
    return table(HEADS, [
        [f"{one.images:,}", f"{one.images_per_second:,.1f}", f"{one.peak_mb:,.0f}",
         f"{one.seconds_to_add:.1f}", f"{one.seconds_with_nothing_new:.1f}",
         f"{one.query_ms:.1f}", f"{one.first_query_seconds:.1f}"]
        for one in found
    ])  # fmt: skip


def recorded(found: Sequence[Grown]) -> list[dict[str, float]]:
    """For JSON."""
    return [asdict(one) for one in found]
