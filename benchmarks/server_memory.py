"""What `mmembed serve` takes of memory while it is sent hostile pictures and bodies: `python -m
benchmarks.server_memory`. Ends with status 1 beyond what docs/settings.md promises; Linux only."""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx2 as httpx

from benchmarks.hostile import bodies, pictures
from benchmarks.measurement import table
from benchmarks.over_http import started

BUDGET = 1_000_000_000
"""Bytes; docs/settings.md says so of the built-in model."""
ANSWERS = frozenset({201, 400, 404, 413, 415, 422, 429})
"""What the server may say to a hostile request; anything else is a fault."""
DEAREST = ("whole.jp2", "halved.jp2", "alpha.png")
"""Pictures that take the most once decoded; they are sent many times."""
TIMES = 15
BODY_BYTES = 20_000_000
AT_ONCE = 40

Send = Callable[[httpx.Client], httpx.Response]


@dataclass(frozen=True)
class Found:
    """Bytes of resident memory, seconds, and how many answers had which status."""

    base: int
    peak: int
    longest_s: float
    """That a cheap request beside all that waited for its answer."""
    answers: Counter[int]


class Watch:
    """Asks a server for something cheap all the time, and notes how long that takes."""

    def __init__(self, address: str, pid: int) -> None:
        self.before = memory_of(pid, "VmRSS")
        self.longest = 0.0
        self._address, self._pid = address, pid
        self._end = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _watch(self) -> None:
        try:
            with httpx.Client(base_url=self._address, timeout=120) as client:
                while not self._end.wait(0.1):
                    began = time.monotonic()
                    client.get("/v1/items").raise_for_status()
                    self.longest = max(self.longest, time.monotonic() - began)
        except BaseException as error:
            self._failure = error

    @property
    def peak(self) -> int:
        """The most that the server has taken since it began, bytes."""
        return memory_of(self._pid, "VmHWM")

    @property
    def grown(self) -> int:
        """Bytes beside what it took before."""
        return self.peak - self.before


def memory_of(pid: int, name: str) -> int:
    """Bytes: VmRSS is what a process takes now, VmHWM the most so far."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def hostile_pictures(times: int) -> list[Send]:
    """Every picture once, and the dearest so many times more."""
    made = dict(pictures())
    return [_upload(name, made[name]) for name in [*made, *DEAREST * times]]


def hostile_bodies(size: int) -> list[Send]:
    """JSON bodies of about so many bytes each."""
    return [_post(route, body) for _, route, body in bodies(size)]


def _upload(name: str, data: bytes) -> Send:
    return lambda client: client.post("/v1/items", files={"image": (name, data)})


def _post(route: str, body: bytes) -> Send:
    headers = {"Content-Type": "application/json"}
    return lambda client: client.post(route, content=body, headers=headers)


def send_all(sends: Sequence[Send], address: str) -> list[int]:
    """The statuses of the answers; many are asked for at a time."""
    with httpx.Client(base_url=address, timeout=300) as client, ThreadPoolExecutor(AT_ONCE) as many:
        return list(many.map(lambda send: send(client).status_code, sends))


def measure(command: Sequence[str], times: int, size: int) -> Found:
    """Pictures and bodies together, sent to a server that the command starts."""
    sends = hostile_pictures(times) + hostile_bodies(size)
    with started(command) as (address, pid):
        with Watch(address, pid) as watch:
            answers = Counter(send_all(sends, address))
        return Found(watch.before, watch.peak, watch.longest, answers)


def shown(found: Found) -> str:
    """The Markdown table."""
    answers = ", ".join(f"{times} × {status}" for status, times in sorted(found.answers.items()))
    figures = (found.base, found.peak, BUDGET)
    row = [*(f"{one / 1e6:.0f}" for one in figures), f"{found.longest_s:.1f}", answers]
    heads = ("base, MB", "peak, MB", "budget, MB", "longest wait beside it, s", "answers")
    return table(heads, [row])


def faults(found: Found) -> list[str]:
    """What is not as it should be, in words."""
    said = []
    if found.peak > BUDGET:
        said.append(f"the peak of {found.peak / 1e6:.0f} MB is beyond {BUDGET / 1e6:.0f} MB")
    if others := sorted(set(found.answers) - ANSWERS):
        said.append(f"answers that should not be: {', '.join(map(str, others))}")
    return said


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table and what is wrong; the exit status."""
    parser = argparse.ArgumentParser("python -m benchmarks.server_memory", description=__doc__)
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--times", type=int, default=TIMES, help="that the dearest are sent")
    parser.add_argument("--bytes", type=int, default=BODY_BYTES, help="of each body")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as data:
        ours = [sys.executable, "-m", "mmembed", "serve", "--data", data, "--model", asked.model]
        found = measure(ours, asked.times, asked.bytes)
    print(shown(found))
    for fault in faults(found):
        print(fault, file=sys.stderr)
    return 1 if faults(found) else 0


if __name__ == "__main__":
    sys.exit(main())
