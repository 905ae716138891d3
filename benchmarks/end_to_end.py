"""Time every way from JPEG files to vectors, in turns."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import machine
from benchmarks.agreement import Disagreement, check
from benchmarks.indexing_ways import REFERENCE, Way
from benchmarks.measurement import Repeated, fastest, startup_seconds, steady_rate, table
from benchmarks.processes import Run, RunFailed, run

HEADS = ("way", "images/s", "with start-up", "start-up, s", "× one by one", "× fastest peer",
         "peak MB", "lowest cosine", "versions, or why not")  # fmt: skip


@dataclass
class Timing:
    """What the rounds of one way gave."""

    way: Way
    steady: list[float | None] = field(default_factory=list)
    whole: list[float | None] = field(default_factory=list)
    startup: list[float | None] = field(default_factory=list)
    peak_mb: float = 0.0
    cosine: float | None = None
    problem: str | None = None

    def add(self, once: float, twice: float, count: int) -> None:
        """A round: seconds for `count` pictures and for twice as many."""
        self.steady.append(steady_rate(count, once, twice))
        self.whole.append(2 * count / twice)
        self.startup.append(startup_seconds(once, twice))

    def add_nothing(self) -> None:
        """A round in which this way did not run."""
        for rounds in (self.steady, self.whole, self.startup):
            rounds.append(None)


def measure(
    ways: Sequence[Way], once: Path, twice: Path, repeats: int, warm_up: bool
) -> list[Timing]:
    """Run all ways in turns, `repeats` times, over a folder and one with twice the pictures.

    A way's vectors are compared to the reference's, which is the first way, after its first
    run; if they differ, or if it fails, it is not run again. warm_up: an uncounted turn before.
    Raises RunFailed if the reference fails.
    """
    timings = [Timing(way) for way in ways]
    expected: NDArray[np.float32] | None = None
    for turn in range(-1 if warm_up else 0, repeats):
        for timing in timings:
            checking = timing.cosine is None and timing.problem is None
            print(f"turn {turn + 1}: {timing.way.name}", file=sys.stderr)
            found = run_once(timing, once, twice, counted=turn >= 0, keep=checking)
            if timing is timings[0] and timing.problem is not None:
                raise RunFailed(f"{timing.way.name}: {timing.problem}")
            if checking and found is not None:
                expected = found if expected is None else expected
                compare(timing, found, expected)
    return timings


def run_once(
    timing: Timing, once: Path, twice: Path, *, counted: bool, keep: bool
) -> NDArray[np.float32] | None:
    """One turn of one way; its vectors if they are to be kept."""
    if timing.problem is None:
        try:
            return run_well(timing, once, twice, counted=counted, keep=keep)
        except (RunFailed, OSError, ValueError) as error:
            timing.problem = str(error)
    if counted:
        timing.add_nothing()
    return None


def run_well(
    timing: Timing, once: Path, twice: Path, *, counted: bool, keep: bool
) -> NDArray[np.float32] | None:
    """As `run_once`. Raises RunFailed, or what broken vectors raise when they are read."""
    first, vectors = timed(timing.way, once, keep)
    if counted:
        second, _ = timed(timing.way, twice, False)
        timing.add(first.seconds, second.seconds, len(list(once.iterdir())))
        timing.peak_mb = max(timing.peak_mb, second.peak_mb)
    return vectors


def timed(way: Way, pictures: Path, keep: bool) -> tuple[Run, NDArray[np.float32] | None]:
    """A run into a fresh folder, and its vectors if asked."""
    with tempfile.TemporaryDirectory() as out:
        done = run(way.command(pictures, Path(out)))
        return done, way.vectors(pictures, Path(out)) if keep else None


def compare(timing: Timing, found: NDArray[np.float32], expected: NDArray[np.float32]) -> None:
    """Note the cosine, or why this way does not count; its figures are then dropped."""
    try:
        timing.cosine = check(found, expected, timing.way.cosine_at_least)
    except Disagreement as error:
        timing.problem = str(error)
        for rounds in (timing.steady, timing.whole, timing.startup):
            rounds[:] = [None] * len(rounds)


def rows(timings: Sequence[Timing]) -> list[list[str]]:
    """The table's rows, the fastest first and those that did not run last."""
    steady = {timing.way.name: Repeated(tuple(timing.steady)) for timing in timings}
    peer = fastest([steady[t.way.name] for t in timings if t.way.group == "peer"])
    ordered = sorted(timings, key=lambda t: -(steady[t.way.name].median or 0.0))
    return [row(timing, steady[timing.way.name], steady.get(REFERENCE), peer) for timing in ordered]


def row(
    timing: Timing, steady: Repeated, plain: Repeated | None, peer: Repeated | None
) -> list[str]:
    """One way's row."""
    if timing.problem is not None:
        return [timing.way.name, *["–"] * (len(HEADS) - 2), f"not timed: {timing.problem}"]
    found = machine.versions(timing.way.python, timing.way.packages)
    return [
        timing.way.name,
        steady.shown(),
        Repeated(tuple(timing.whole)).shown(),
        Repeated(tuple(timing.startup)).shown(),
        steady.over(plain).shown(2) if plain else "–",
        steady.over(peer).shown(2) if peer else "–",
        f"{timing.peak_mb:,.0f}",
        "–" if timing.cosine is None else f"{timing.cosine:.5f}",
        ", ".join(f"{name} {version}" for name, version in found.items()),
    ]


def shown(timings: Sequence[Timing]) -> str:
    """The Markdown table."""
    return table(HEADS, rows(timings))


def recorded(timings: Sequence[Timing]) -> list[dict[str, object]]:
    """All figures of all rounds, for JSON."""
    return [
        {
            "way": timing.way.name,
            "group": timing.way.group,
            "images_per_second": timing.steady,
            "images_per_second_with_start": timing.whole,
            "start_seconds": timing.startup,
            "peak_mb": timing.peak_mb,
            "lowest_cosine": timing.cosine,
            "problem": timing.problem,
            "versions": machine.versions(timing.way.python, timing.way.packages),
        }
        for timing in timings
    ]
