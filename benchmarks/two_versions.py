"""Two versions of mmembed side by side: indexing, one text query, 32 clients.

    python -m benchmarks.two_versions --before OLD/.venv/bin/mmembed --after .venv/bin/mmembed

Each program lies in the `.venv` of its own checkout, whose benchmarks fill the collection that it
searches: versions may differ in the layout of their catalogs.

Each figure is measured in turns, A B A B …, and compared turn by turn, so that what slows the
machine for a while slows both. Indexing counts the pictures of the longer of two runs that the
shorter has not: neither start-up nor the loading of the model.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import http_load, pictures
from benchmarks.measurement import Repeated, steady_rate, table
from benchmarks.over_http import served
from benchmarks.processes import run

NAMES = ("before", "after")
HEADS = ("figure", *NAMES, "after / before")
CACHE = Path("~/.cache/mmembed-bench")


def main() -> None:
    """As the command line asks."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--before", type=Path, required=True, metavar="PROGRAM")
    parser.add_argument("--after", type=Path, required=True, metavar="PROGRAM")
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--pictures", type=int, default=1024, help="in the shorter indexing")
    parser.add_argument("--vectors", type=int, default=100_000, help="that are searched")
    parser.add_argument("--seconds", type=float, default=6.0, help="for each load")
    parser.add_argument("--repeats", type=int, default=5, help="turns")
    asked = parser.parse_args()
    programs = [asked.before.absolute(), asked.after.absolute()]
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        rows = [_row("640×480 indexed, images/s", _indexing(programs, work, asked))]
        rows += _over_http(programs, work, asked)
    print(table(HEADS, rows))


def _row(name: str, figures: Sequence[Repeated], digits: int = 1) -> list[str]:
    before, after = figures
    return [name, before.shown(digits), after.shown(digits), after.over(before).shown(3)]


def _indexing(
    programs: Sequence[Path], work: Path, asked: argparse.Namespace
) -> tuple[Repeated, Repeated]:
    cache = CACHE.expanduser()
    folders = [
        pictures.photographs(cache, "640x480", n) for n in (asked.pictures, 2 * asked.pictures)
    ]
    rates: list[list[float | None]] = [[], []]
    for _ in range(asked.repeats):
        for program, found in zip(programs, rates, strict=True):
            once, twice = (_seconds(program, one, work / "data", asked.model) for one in folders)
            found.append(steady_rate(asked.pictures, once, twice))
    return Repeated(tuple(rates[0])), Repeated(tuple(rates[1]))


def _seconds(program: Path, source: Path, data: Path, model: str) -> float:
    shutil.rmtree(data, ignore_errors=True)
    return run([program, "index", source, "--data", data, "--model", model]).seconds


def _fill(program: Path, folder: Path, asked: argparse.Namespace) -> None:
    subprocess.run(
        [
            *(program.with_name("python"), "-m", "benchmarks.filled"),
            *("--data", folder, "--images", str(asked.vectors), "--model", asked.model),
        ],
        cwd=program.parents[2],
        check=True,
        stderr=subprocess.DEVNULL,
    )


def _over_http(programs: Sequence[Path], work: Path, asked: argparse.Namespace) -> list[list[str]]:
    """A collection for each, filled by its own version."""
    folders = [work / name for name in NAMES]
    for program, folder in zip(programs, folders, strict=True):
        _fill(program, folder, asked)
    commands = [
        [str(program), "serve", "--data", str(folder), "--model", asked.model]
        for program, folder in zip(programs, folders, strict=True)
    ]
    with served(commands[0]) as before, served(commands[1]) as after:
        rows = []
        for clients, figure, name in (
            (1, "p50_ms", "a text query alone, p50 ms"),
            (32, "requests_per_s", "32 clients, requests/s"),
            (32, "p99_ms", "32 clients, p99 ms"),
        ):
            found: tuple[list[float], list[float]] = ([], [])
            for _ in range(asked.repeats):
                for address, figures in zip((before, after), found, strict=True):
                    load = http_load.measure(address, "search", clients, asked.seconds)
                    figures.append(load[figure])
            rows.append(_row(name, [Repeated(tuple(one)) for one in found], 2))
    return rows


if __name__ == "__main__":
    main()
