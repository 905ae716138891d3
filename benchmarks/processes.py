"""Run a way as a process of its own: how long, how much memory, and why it failed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.machine import ROOT

OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1",
           "TOKENIZERS_PARALLELISM": "false"}  # fmt: skip
TIMEOUT = 3600.0  # seconds


class RunFailed(Exception):
    """A process that did not end well; the message is the last thing that it said."""


@dataclass(frozen=True)
class Run:
    """A process that ended well. peak_mb: resident memory of the largest process in it."""

    seconds: float
    peak_mb: float
    output: str


def run(command: Sequence[str | Path], timeout: float = TIMEOUT) -> Run:
    """Run a command in the repository and wait for it. Raises RunFailed."""
    if not Path(command[0]).exists():
        raise RunFailed(f"not installed: {Path(command[0]).parent.parent.name}")
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as complained:
        started = time.perf_counter()
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL, stdout=said, stderr=complained,
        )  # fmt: skip
        status, peak = wait(process, started + timeout)
        seconds = time.perf_counter() - started
        said.seek(0)
        complained.seek(0)
        if status:
            raise RunFailed(last_line(complained.read()) or f"ended with status {status}")
        return Run(seconds, peak, said.read())


def wait(process: subprocess.Popen[bytes], deadline: float) -> tuple[int, float]:
    """Exit status and peak MB. Raises RunFailed past the deadline."""
    while True:
        found, status, usage = os.wait4(process.pid, os.WNOHANG)
        if found:
            process.returncode = os.waitstatus_to_exitcode(status)
            unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes here
            return process.returncode, usage.ru_maxrss * unit / 1e6
        if time.perf_counter() > deadline:
            process.kill()
            process.wait()
            raise RunFailed("took too long")
        time.sleep(0.01)


def environment() -> dict[str, str]:
    """Ours, with this repository's package first and nothing downloaded."""
    return os.environ | OFFLINE | {"PYTHONPATH": str(ROOT)}


def last_line(text: str) -> str:
    """The last line that says something, shortened."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:160] if lines else ""
