"""mmembed on a graphics card: its engines beside the card's limit, and from JPEG files to vectors.

    python -m benchmarks.accelerator                       on a CUDA machine
    python -m benchmarks.accelerator --device cpu --quick  does it work? The figures mean nothing

Every model and engine has a process of its own in each turn (gpu_job.py). Nothing is downloaded:
weights are random, which does not change the speed. Ends with status 2 where the device is missing.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from benchmarks import pictures, weights
from benchmarks.engines import limit_of, matrix_limits
from benchmarks.machine import versions
from benchmarks.measurement import Repeated, table
from benchmarks.processes import RunFailed, run
from benchmarks.report import Report

CACHE = Path("~/.cache/mmembed-bench")
MODELS = ("ViT-B-32", "ViT-L-14", "ViT-B-16-SigLIP")
ENGINES = ("torch-compiled", "torch-float16", "torch-bfloat16")
BATCHES = (1, 16, 128, 256)
PICTURES = {"640x480": 512, "12MP": 64}
PACKAGES = ("mmembed", "torch", "torchvision", "triton", "open_clip_torch", "timm")
HEADS = ("model", "engine", "what", "images/s", "share of the limit", "peak MB of the card",
         "or why not")  # fmt: skip


@dataclass
class Measured:
    """What the turns of one model and engine gave; each as gpu_job.py prints it."""

    model: str
    engine: str
    turns: list[dict[str, Any]] = field(default_factory=list)
    problem: str | None = None

    def rounds(self, kind: str, what: str) -> Repeated:
        """A figure of every turn."""
        return Repeated(tuple(turn[kind].get(what) for turn in self.turns))

    def names(self, *kinds: str) -> list[str]:
        """What was measured, in its order."""
        return list(dict.fromkeys(n for turn in self.turns for kind in kinds for n in turn[kind]))


def missing(device: str) -> str | None:
    """What there would have to be to run on a device; None where it is there."""
    if not device.startswith("cuda") or torch.cuda.is_available():
        return None
    if torch.version.cuda is None and torch.version.hip is None:
        return f"a build of torch with CUDA is missing: this is torch {torch.__version__}"
    return f"a graphics card is missing: torch {torch.__version__} sees none, or no driver for it"


def card(device: str) -> dict[str, object]:
    """The card, for the report."""
    if not device.startswith("cuda"):
        return {"device": device}
    facts = torch.cuda.get_device_properties(device)
    return {
        "device": facts.name,
        "memory_gb": round(facts.total_memory / 1e9, 1),
        "units": facts.multi_processor_count,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
    }


def measure(asked: argparse.Namespace, folders: Sequence[Path]) -> list[Measured]:
    """All models and engines in turns; one that fails is not run again."""
    every = [Measured(model, engine) for model in asked.models for engine in asked.engines]
    for turn in range(asked.repeats):
        for one in every:
            if one.problem is None:
                print(f"turn {turn + 1}: {one.model}, {one.engine}", file=sys.stderr)
                one_turn(one, asked, folders)
    return every


def one_turn(one: Measured, asked: argparse.Namespace, folders: Sequence[Path]) -> None:
    """Run gpu_job.py once."""
    name = one.model
    if name != "bundled":
        name = f"local-dir:{weights.prepare_open_clip(asked.cache / 'weights', name)}"
    command = [sys.executable, "-m", "benchmarks.gpu_job", name, one.engine,
               "--device", asked.device, "--seconds", str(asked.seconds),
               "--at-once", str(asked.at_once),
               "--batches", *map(str, asked.batches),
               "--pictures", *folders]  # fmt: skip
    try:
        one.turns.append(json.loads(run(command).output))
    except RunFailed as error:
        one.problem = str(error)


def rows(every: Sequence[Measured], limits: dict[str, float | None]) -> list[list[str]]:
    """A row for everything that was to be measured."""
    found = []
    for one in every:
        for what in one.names("images_per_second", "problems"):
            rate, peak = one.rounds("images_per_second", what), one.rounds("peak_mb", what)
            limit = limit_of(one.engine, limits)
            share = "–"
            if limit and rate.median:
                share = f"{rate.median * one.turns[0]['giga_operations'] / limit:.0%}"
            why = next((t["problems"][what] for t in one.turns if what in t["problems"]), "")
            found.append(
                [one.model, one.engine, what, rate.shown(), share, peak.shown(0), why]
            )  # fmt: skip
        if one.problem:
            found.append([one.model, one.engine, "–", "–", "–", "–", one.problem])
    return found


def cosines(every: Sequence[Measured]) -> list[list[str]]:
    """A row for every comparison: the lowest cosine of all turns."""
    return [
        [one.model, one.engine, what, f"{min(one.rounds('lowest_cosine', what).known):.5f}"]
        for one in every
        for what in one.names("lowest_cosine")
    ]


def parsed() -> argparse.Namespace:
    """The options, with those of --quick filled in."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--device", default="cuda", help="as torch names it (default cuda)")
    parser.add_argument("--quick", action="store_true", help="the bundled model, for a moment")
    parser.add_argument("--models", nargs="+", default=list(MODELS), metavar="ARCHITECTURE")
    parser.add_argument("--engines", nargs="+", default=list(ENGINES), metavar="NAME")
    parser.add_argument("--batches", type=int, nargs="+", default=list(BATCHES))
    parser.add_argument("--at-once", type=int, default=128, metavar="FILES",
                        help="decoded by the card, and embedded, at once")  # fmt: skip
    parser.add_argument("--sizes", nargs="+", choices=list(PICTURES), default=list(PICTURES))
    parser.add_argument("--repeats", type=int, default=5, help="turns")
    parser.add_argument("--seconds", type=float, default=5.0, help="for each figure")
    parser.add_argument("--cache", type=Path, default=CACHE, help="for weights and pictures")
    found = parser.parse_args()
    if not 1 <= found.at_once <= 128:
        parser.error(f"--at-once {found.at_once}: 1 to 128")
    found.cache = found.cache.expanduser().resolve()
    if found.quick:
        found.models, found.sizes, found.batches = ["bundled"], ["640x480"], [1, 8]
        found.repeats, found.seconds, found.at_once = 1, 0.2, 8
        found.engines = [ENGINES[1] if found.device != "cpu" else "torch-float32"]
    return found


def main() -> None:
    """Measure and report. Exit status 2 where the device is missing."""
    asked = parsed()
    if (why := missing(asked.device)) is not None:
        print(f"{why}; try --device cpu --quick to see that this works", file=sys.stderr)
        sys.exit(2)
    options = {key: str(value) for key, value in vars(asked).items()}
    report = Report("accelerator", {**card(asked.device), **options,
                                    **versions(Path(sys.executable), PACKAGES)})  # fmt: skip
    kinds = ("float32",) if asked.device == "cpu" else ("float16", "bfloat16")
    limits = matrix_limits("512" if asked.quick else "8192", asked.seconds,
                           "--device", asked.device, "--kinds", *kinds)  # fmt: skip
    folders = [
        pictures.photographs(asked.cache, size, 8 if asked.quick else PICTURES[size])
        for size in asked.sizes
    ]
    every = measure(asked, folders)
    text = "\n\n".join([
        ", ".join(f"{kind}: {limit or 0:,.0f}·10⁹ operations/s" for kind, limit in limits.items()),
        table(HEADS, rows(every, limits)),
        table(("model", "engine", "compared", "lowest cosine"), cosines(every)),
    ])  # fmt: skip
    report.add("Accelerator", text, {"limits": limits, "runs": [vars(one) for one in every]})


if __name__ == "__main__":
    main()
