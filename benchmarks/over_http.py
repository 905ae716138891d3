"""mmembed's server beside a plain one over the same collection, under some to many clients."""

from __future__ import annotations

import contextlib
import itertools
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import http_load
from benchmarks.filled import fill
from benchmarks.machine import ROOT
from benchmarks.measurement import Repeated, table
from benchmarks.processes import RunFailed, environment

KINDS = ("search", "embed")
OURS, PLAIN = "mmembed", "plain server"
START_S = 300.0
HEADS = ("", "clients", "server", "requests/s", "p50, ms", "p99, ms", "× plain server",
         "p50, times shorter")  # fmt: skip


@dataclass(frozen=True)
class Loaded:
    """One server under one load; a figure for each turn."""

    kind: str
    clients: int
    server: str
    requests_per_s: Repeated
    p50_ms: Repeated
    p99_ms: Repeated


def measure(
    folder: Path, model: str, images: int, clients: Sequence[int], seconds: float, repeats: int
) -> list[Loaded]:
    """Both servers, asked in turns. The collection is kept in the folder. Raises RunFailed where
    one does not start."""
    plain = [sys.executable, "-m", "benchmarks.plain_server", "--data", str(folder)]
    with ours(folder, model, images) as one, served(plain) as other:
        servers = {OURS: one, PLAIN: other}
        return [
            figures
            for kind, count in itertools.product(KINDS, clients)
            for figures in loaded(kind, count, servers, seconds, repeats)
        ]


@contextlib.contextmanager
def ours(folder: Path, model: str, images: int) -> Iterator[str]:
    """Our server of a collection, which is made where it is missing. Raises RunFailed."""
    if not folder.exists():
        fill(folder, images, model)
    command = [sys.executable, "-m", "mmembed", "serve", "--data", str(folder), "--model", model]
    with served(command) as address:
        yield address


def loaded(
    kind: str, clients: int, servers: dict[str, str], seconds: float, repeats: int
) -> list[Loaded]:
    """One load on each server, by name, in turns."""
    rounds: dict[str, list[dict[str, float]]] = {server: [] for server in servers}
    for _, (server, address) in itertools.product(range(repeats), servers.items()):
        rounds[server].append(http_load.measure(address, kind, clients, seconds))
    return [
        Loaded(kind, clients, server, *(
            Repeated(tuple(one[name] for one in found))
            for name in ("requests_per_s", "p50_ms", "p99_ms")
        ))
        for server, found in rounds.items()
    ]  # fmt: skip


@contextlib.contextmanager
def served(command: Sequence[str]) -> Iterator[str]:
    """A server on a free port of this machine: its address, once it answers. Raises RunFailed."""
    with started(command) as (address, _):
        yield address


@contextlib.contextmanager
def started(command: Sequence[str]) -> Iterator[tuple[str, int]]:
    """As `served`; the address, and the number of the process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [*command, "--port", str(port)], cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL
    )
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(process, address)
        yield address, process.pid
    finally:
        process.terminate()
        process.wait()


def wait_for(process: subprocess.Popen[bytes], address: str) -> None:
    """Until a server has found something, its model loaded. Raises RunFailed."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{address}/v1/search?q=warm", timeout=START_S):
                return
        except urllib.error.URLError:
            if process.poll() is not None:
                raise RunFailed(f"the server ended with status {process.returncode}") from None
            time.sleep(0.2)
    raise RunFailed(f"no answer within {START_S:g} s")


def shown(found: Sequence[Loaded]) -> str:
    """The Markdown table."""
    rows = []
    for one in found:
        plain = next(
            other for other in found
            if (other.kind, other.clients, other.server) == (one.kind, one.clients, PLAIN)
        )  # fmt: skip
        rows.append([
            one.kind, str(one.clients), one.server, one.requests_per_s.shown(),
            one.p50_ms.shown(), one.p99_ms.shown(),
            one.requests_per_s.over(plain.requests_per_s).shown(),
            plain.p50_ms.over(one.p50_ms).shown(),
        ])  # fmt: skip
    return table(HEADS, rows)


def recorded(found: Sequence[Loaded]) -> list[dict[str, object]]:
    """For JSON."""
    return [asdict(one) for one in found]
