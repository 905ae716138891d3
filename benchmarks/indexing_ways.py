"""The ways from JPEG files to vectors: ours, what one writes by hand, and real peers."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.job import VECTORS
from benchmarks.processes import run

Group = Literal["mmembed", "by hand", "peer"]
DEFAULT_ENGINE = "default"
EQUAL = 0.9999  # cosine to open_clip's own vectors
EQUAL_INT8 = 0.98  # only enough to see that the weights are the same


class Way(Protocol):
    """Something that embeds a folder of pictures as a process of its own."""

    @property
    def name(self) -> str:
        """As the table shows it."""

    @property
    def group(self) -> Group:
        """Whose it is."""

    @property
    def python(self) -> Path:
        """The interpreter of its environment."""

    @property
    def packages(self) -> tuple[str, ...]:
        """Those whose versions the table states."""

    @property
    def cosine_at_least(self) -> float:
        """How near its vectors must be to the reference's."""

    def command(self, pictures: Path, out: Path) -> list[str | Path]:
        """What to run; `out` is an empty folder."""

    def vectors(self, pictures: Path, out: Path) -> NDArray[np.float32]:
        """float32 (n, dim) after a run, in the order of the pictures' names. Raises RunFailed."""


@dataclass(frozen=True)
class Mmembed:
    """`mmembed index` into a fresh collection, with an engine, or with what it chooses itself."""

    engine: str
    weights: Path
    python: Path = Path(sys.executable)
    group: Group = "mmembed"
    packages: tuple[str, ...] = ("mmembed", "torch", "open_clip_torch", "openvino", "numkong")

    @property
    def name(self) -> str:
        """`mmembed, openvino-bfloat16`"""
        return f"mmembed, {self.engine}"

    @property
    def cosine_at_least(self) -> float:
        """An 8-bit engine is another approximation and says so."""
        return EQUAL_INT8 if "int8" in self.engine else EQUAL

    def command(self, pictures: Path, out: Path) -> list[str | Path]:
        """`mmembed index PICTURES`"""
        return self._with_options("index", pictures, data=out / "collection")

    def vectors(self, pictures: Path, out: Path) -> NDArray[np.float32]:
        """What `mmembed embed` prints for the same files."""
        files = sorted(pictures.iterdir())
        printed = run(self._with_options("embed", *files, data=out / "embed")).output
        return np.array([json.loads(line)["embedding"] for line in printed.splitlines()], "f4")

    def _with_options(self, command: str, *paths: Path, data: Path) -> list[str | Path]:
        engine = [] if self.engine == DEFAULT_ENGINE else ["--engine", self.engine]
        model = f"local-dir:{self.weights / 'open_clip'}"
        options: list[str | Path] = ["--data", data, "--model", model, *engine]
        return [self.python, "-m", "mmembed", command, *paths, *options]


@dataclass(frozen=True)
class Script:
    """A module of this package that takes a Job; in a peer's environment, or in ours."""

    name: str
    group: Group
    module: str
    weights: Path
    python: Path
    packages: tuple[str, ...]
    cosine_at_least: float = EQUAL

    def command(self, pictures: Path, out: Path) -> list[str | Path]:
        """`python -m benchmarks.MODULE WEIGHTS PICTURES OUT`"""
        return [self.python, "-m", f"benchmarks.{self.module}", self.weights, pictures, out]

    def vectors(self, pictures: Path, out: Path) -> NDArray[np.float32]:
        """What the run saved."""
        rows: NDArray[np.float32] = np.load(out / VECTORS)
        return rows


REFERENCE = "open_clip, one by one"
_BY_HAND = {REFERENCE: "one_by_one", "open_clip, DataLoader": "data_loader"}
_PEERS = {
    "fastembed": ("fastembed", "onnxruntime"),
    "rclip": ("rclip", "onnxruntime"),
    "sentence-transformers": ("sentence-transformers", "transformers", "torch"),
    "infinity": ("infinity-emb", "transformers", "torch"),
    "clip-retrieval": ("clip-retrieval", "all-clip", "transformers", "torch"),
}


def all_ways(weights: Path, peers: Path, engines: Sequence[str]) -> list[Way]:
    """Every way, the reference first."""
    here = Path(sys.executable)
    by_hand: list[Way] = [
        Script(name, "by hand", f"baselines.{module}", weights, here, ("open_clip_torch", "torch"))
        for name, module in _BY_HAND.items()
    ]
    others: list[Way] = [
        Script(name, "peer", f"peers.{name.replace('-', '_')}", weights,
               peers / name / "bin" / "python", packages)
        for name, packages in _PEERS.items()
    ]  # fmt: skip
    return [*by_hand, *(Mmembed(engine, weights) for engine in engines), *others]
