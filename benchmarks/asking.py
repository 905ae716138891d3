"""An index that is asked in a process of its own, over its stdin and stdout."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.machine import ROOT, cores
from benchmarks.processes import RunFailed, environment, last_line

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Answer:
    """Milliseconds that all these queries took, and the ten ids of each."""

    ms: float
    ids: list[list[int]]


class Asked:
    """A process that serves an index; see peers/index_job.py for what it is told."""

    def __init__(self, command: Sequence[str | Path]) -> None:
        """Start it and wait until it can answer. Raises RunFailed."""
        if not Path(command[0]).exists():
            raise RunFailed(f"not installed: {Path(command[0]).parent.parent.name}")
        self._complained = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self._process = subprocess.Popen(
            [str(part) for part in command], cwd=ROOT, env=threaded(), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._complained,
        )  # fmt: skip
        try:
            self.open_s = float(self._heard()["open_s"])
        except RunFailed:
            self.close()
            raise

    def __enter__(self) -> Asked:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def ask(self, first: int, count: int = 1) -> Answer:
        """These queries at once. Raises RunFailed."""
        found = self._told({"first": first, "count": count})
        return Answer(found["ms"], found["ids"])

    def widen(self, effort: int) -> None:
        """Let it look at so many candidates. Raises RunFailed."""
        self._told({"effort": effort})

    def memory_mb(self) -> float:
        """What came into memory since before it was opened. Raises RunFailed."""
        return float(self._told({"memory": True})["memory_mb"])

    def close(self) -> None:
        """End it."""
        self._process.communicate()
        self._complained.close()

    def _told(self, what: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(what) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it says why
        return self._heard()

    def _heard(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._complained.seek(0)
            raise RunFailed(last_line(self._complained.read()) or "ended")
        found: dict[str, Any] = json.loads(line)
        return found


def threaded() -> dict[str, str]:
    """As many threads as there are cores, for every library."""
    return environment() | dict.fromkeys(_THREADS, str(cores()))
