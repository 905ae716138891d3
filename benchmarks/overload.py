"""A server that is asked for ten times of what it can do: how much of that it still does, and how
fast.

    mmembed serve --model bundled --port 8000
    python -m benchmarks.overload http://127.0.0.1:8000 --kinds search embed --times 10

First as many clients as fill the batches ask one request after the other: the capacity. Then
requests come at a fixed pace (an open loop). Times are from the moment when a request was due, so
that none is counted as fast that had to wait for a connection.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import http_load
from benchmarks.measurement import table
from benchmarks.open_loop import ask

HEADS = ("", "capacity, requests/s", "asked for, times", "goodput", "p50, p99 at capacity, ms",
         "p50, p99 beyond, ms", "p50, p99 of refusals, ms", "answers by status")  # fmt: skip


LEAST_S = 10.0
"""With a large model, 32 clients wait for several seconds: in less time, none is answered."""


@dataclass(frozen=True)
class Overloaded:
    """One kind of request at its capacity and beyond it."""

    kind: str
    times: float
    capacity_per_s: float
    good_per_s: float
    calm_ms: tuple[float, float]
    """Median and 99th percentile at the capacity."""
    good_ms: tuple[float, float]
    """Of what was answered beyond it."""
    refused_ms: tuple[float, float]
    answers: dict[int, int]
    """By status; 0 is a connection that broke, -1 a request that could not even be sent."""

    @property
    def goodput(self) -> float:
        """Of the capacity."""
        return self.good_per_s / self.capacity_per_s


def measure(
    address: str, kind: str, *, clients: int = 32, times: float = 10.0, seconds: float = 10.0
) -> Overloaded:
    """The capacity of a server, and what is left of it under more. Raises RuntimeError where it
    answers nothing."""
    ask(address, kind, "closed", clients, min(2.0, seconds))  # warm
    calmly = ask(address, kind, "closed", clients, seconds)
    calm = calmly.good()
    if not calmly.in_time:
        raise RuntimeError(f"{address}: no good answer to {kind}")
    capacity = calmly.in_time / seconds
    found = ask(address, kind, "paced", times * capacity, seconds)
    refused = sorted(found.seconds.get(429, []))
    return Overloaded(
        kind=kind,
        times=times,
        capacity_per_s=capacity,
        good_per_s=found.in_time / seconds,
        calm_ms=middle_and_end(calm),
        good_ms=middle_and_end(found.good()),
        refused_ms=middle_and_end(refused),
        answers=found.counts(),
    )


def middle_and_end(rising: list[float]) -> tuple[float, float]:
    """The median and the 99th percentile in milliseconds, of seconds; NaN where there are none."""
    if not rising:
        return math.nan, math.nan
    last = rising[min(len(rising) - 1, int(0.99 * len(rising)))]
    return 1000 * statistics.median(rising), 1000 * last


def pair(figures: tuple[float, float]) -> str:
    """Two figures."""
    return f"{figures[0]:.0f}, {figures[1]:.0f}"


def shown(found: Sequence[Overloaded]) -> str:
    """The Markdown table."""
    rows = [
        [one.kind, f"{one.capacity_per_s:.0f}", f"{one.times:g}", f"{one.goodput:.2f}",
         pair(one.calm_ms), pair(one.good_ms), pair(one.refused_ms),
         ", ".join(f"{status}: {count}" for status, count in sorted(one.answers.items()))]
        for one in found
    ]  # fmt: skip
    return table(HEADS, rows)


def recorded(found: Sequence[Overloaded]) -> list[dict[str, object]]:
    """For JSON."""
    return [{**asdict(one), "goodput": one.goodput} for one in found]


def main() -> None:
    """Print a table, and keep it as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("server", metavar="ADDRESS")
    parser.add_argument("--kinds", nargs="+", choices=http_load.KINDS, default=["search", "embed"])
    parser.add_argument("--clients", type=int, default=32, help="that measure the capacity")
    parser.add_argument("--times", type=float, default=10.0, help="the capacity")
    parser.add_argument("--seconds", type=float, default=10.0, help="for each load")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    asked = parser.parse_args()
    found = [
        measure(asked.server, kind, clients=asked.clients, times=asked.times, seconds=asked.seconds)
        for kind in asked.kinds
    ]
    print(shown(found))
    if asked.json:
        asked.json.write_text(json.dumps(recorded(found), indent=1) + "\n")


if __name__ == "__main__":
    main()
