"""Pictures a second by several workers of one indexing in a database, beside what the cores allow.

    python -m benchmarks.workers --store postgresql://… --pictures 2000 --workers 1 2 4

The cores allow what separate `mmembed index` into folders reach, which share nothing: one process,
or as many as there are workers, each with its part of the pictures. The rate is that between the
fifth and the last but one fifth of the pictures: without starting and ending. The processor time is
of the whole run, by all its processes, and of the database's server, which must run on this
machine. Ways take turns; a ratio is of one turn. The role of the address must be allowed to make
schemas, each of which is dropped at the end of its run.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg

from benchmarks.machine import ROOT, cores, describe
from benchmarks.measurement import Repeated, table
from benchmarks.pictures import photographs
from benchmarks.postgres_clock import ServerClock
from benchmarks.processes import environment

LOOK_S = 0.1
FIFTHS = (0.2, 0.8)
HEADS = ("way", "pictures/s", "CPU ms a picture", "server's CPU ms", "× the cores' rate")
COUNT_SQL = "SELECT count(*) FROM items WHERE kind = 'image'"

Count = Callable[[], int]


@dataclass(frozen=True)
class Measured:
    """One run."""

    rate: float
    """Pictures a second."""
    cpu_ms: float
    """Processor time for a picture, of mmembed."""
    server_ms: float
    """And of the database's server."""


def mmembed(*arguments: str | Path) -> subprocess.Popen[bytes]:
    """Start a command."""
    command = [sys.executable, "-m", "mmembed", *map(str, arguments), "--model", "bundled"]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def watched(
    commands: Sequence[subprocess.Popen[bytes]], count: Count, pictures: int, clock: ServerClock
) -> Measured:
    """Await commands that index so many pictures together. Raises ChildProcessError."""
    marks = [share * pictures for share in FIFTHS]
    times: list[float] = []
    before, server = os.times(), clock.seconds()
    while any(command.poll() is None for command in commands):
        done = count() if len(times) < len(marks) else 0
        while len(times) < len(marks) and done >= marks[len(times)]:
            times.append(time.perf_counter())
            marks[len(times) - 1] = done
        time.sleep(LOOK_S)
    after = os.times()
    if any(command.returncode for command in commands) or count() != pictures:
        raise ChildProcessError(f"{count()} of {pictures} pictures are indexed")
    spent = after.children_user + after.children_system
    spent -= before.children_user + before.children_system
    return Measured(
        (marks[1] - marks[0]) / (times[1] - times[0]),
        1000 * spent / pictures,
        1000 * (clock.seconds() - server) / pictures,
    )


def in_folders(parts: Sequence[Path], pictures: int, clock: ServerClock, place: Path) -> Measured:
    """Index each part into a folder of its own, all at once."""
    folders = [place / f"folder-{number}" for number in range(len(parts))]
    try:
        commands = [
            mmembed("index", part, "--data", folder)
            for part, folder in zip(parts, folders, strict=True)
        ]
        return watched(commands, lambda: sum(map(in_folder, folders)), pictures, clock)
    finally:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)


def in_folder(folder: Path) -> int:
    """The images of a collection; 0 before it has a catalog."""
    with suppress(sqlite3.Error):
        at = f"file:{folder / 'catalog.sqlite3'}?mode=ro"
        with closing(sqlite3.connect(at, uri=True)) as catalog:
            return int(catalog.execute(COUNT_SQL).fetchone()[0])
    return 0


@contextmanager
def emptied(address: str) -> Iterator[tuple[str, Count]]:
    """The address of a new collection, and what counts its images."""
    schema = f"workers_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(address, autocommit=True) as connection:

        def count() -> int:
            with suppress(psycopg.errors.UndefinedTable):
                sql = COUNT_SQL.replace("items", f'"{schema}".items')
                return int(connection.execute(sql).fetchall()[0][0])
            return 0

        try:
            yield f"{address}{'&' if '?' in address else '?'}schema={schema}", count
        finally:
            connection.execute("SET client_min_messages = error")
            connection.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')


def by_workers(
    workers: int, photos: Path, pictures: int, clock: ServerClock, place: Path, address: str
) -> Measured:
    """Plan the pieces, then have workers share them."""
    with emptied(address) as (store, count):
        ours = ("--store", store, "--data", place / "data")
        if mmembed("index", photos, "--plan-only", *ours).wait():
            raise ChildProcessError("the work was not planned")
        commands = [mmembed("work", *ours) for _ in range(workers)]
        return watched(commands, count, pictures, clock)


def divided(photos: Path, parts: int, place: Path) -> list[Path]:
    """Folders with links to the pictures, each with an equal part."""
    files = sorted(photos.glob("*.jpg"))
    folders = [place / f"part-{number}-of-{parts}" for number in range(parts)]
    for number, folder in enumerate(folders):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for file in files[number::parts]:
            os.link(file, folder / file.name)
    return folders


def main() -> None:
    """As the command line asks."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--store", required=True, help="address of a database on this machine")
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache/mmembed-bench")
    options = parser.parse_args()
    photos = photographs(options.cache, "640x480", options.pictures)
    place = options.cache / "workers"
    print(describe())
    with ServerClock(options.store) as clock:
        ways: dict[str, Callable[[], Measured]] = {}
        for count in sorted({1, *options.workers}):
            parts = divided(photos, count, place)
            ways[f"{count} into folders"] = lambda parts=parts: in_folders(  # type: ignore[misc]
                parts, options.pictures, clock, place
            )
        for count in options.workers:
            ways[f"{count} workers"] = lambda count=count: by_workers(  # type: ignore[misc]
                count, photos, options.pictures, clock, place, options.store
            )
        ways["1 into folders"]()  # measures the engines, and fills the system's cache
        turns = [
            {name: said(name, way()) for name, way in ways.items()} for _ in range(options.turns)
        ]
    print(table(HEADS, rows(turns)))
    print(f"{cores()} cores, load {os.getloadavg()[0]:.1f}")


def said(name: str, measured: Measured) -> Measured:
    """Show a run as it ends."""
    print(f"{time.strftime('%H:%M:%S')} {name}: {measured}", file=sys.stderr, flush=True)
    return measured


def rows(turns: Sequence[dict[str, Measured]]) -> list[list[str]]:
    """A line for each way: medians with lowest and highest. Beside the cores' rate of the turn,
    which is the best of the ways into folders."""
    lines = []
    for name in turns[0]:
        runs = [turn[name] for turn in turns]
        best = [max(one.rate for way, one in turn.items() if "folders" in way) for turn in turns]
        rates = Repeated(tuple(one.rate for one in runs))
        lines.append(
            [
                name,
                rates.shown(),
                Repeated(tuple(one.cpu_ms for one in runs)).shown(),
                Repeated(tuple(one.server_ms for one in runs)).shown(),
                rates.over(Repeated(tuple(best))).shown(2),
            ]
        )
    return lines


if __name__ == "__main__":
    main()
