"""The image tower alone, engine by engine, beside what the machine's matrix products reach."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measurement import Repeated, table
from benchmarks.processes import RunFailed, run
from benchmarks.tower import EAGER

GIGA_OPERATIONS = 8.8  # of ViT-B/32's image tower for one image, at 224 pixels


@dataclass(frozen=True)
class Engines:
    """Rounds of images a second for (engine, batch), and the limits in 10⁹ operations a second."""

    limits: dict[str, float | None]
    rates: dict[tuple[str, int], Repeated]
    problems: dict[str, str]


def measure(
    weights: Path, engines: Sequence[str], batches: Sequence[int], repeats: int, seconds: float
) -> Engines:
    """Every engine in a process of its own, in turns; open_clip's own model first."""
    limits = matrix_limits("4096" if seconds >= 1 else "1024", seconds)
    rounds: dict[tuple[str, int], list[float | None]] = {}
    problems: dict[str, str] = {}
    for turn in range(repeats):
        for engine in dict.fromkeys([EAGER, *engines]):
            print(f"turn {turn + 1}: image tower, {engine}", file=sys.stderr)
            found = one_turn(weights, engine, batches, seconds, problems)
            for batch in batches:
                rounds.setdefault((engine, batch), []).append(found.get(batch))
    return Engines(limits, {key: Repeated(tuple(v)) for key, v in rounds.items()}, problems)


def one_turn(
    weights: Path, engine: str, batches: Sequence[int], seconds: float, problems: dict[str, str]
) -> dict[int, float]:
    """Images a second for each batch size; nothing for an engine that has failed."""
    if engine in problems:
        return {}
    sizes = [str(batch) for batch in batches]
    try:
        done = run([sys.executable, "-m", "benchmarks.tower", engine, weights,
                    "--seconds", str(seconds), "--batches", *sizes])  # fmt: skip
    except RunFailed as error:
        problems[engine] = str(error)
        return {}
    return {int(batch): rate for batch, rate in json.loads(done.output).items()}


def matrix_limits(size: str, seconds: float, *options: str) -> dict[str, float | None]:
    """10⁹ operations a second by kind of number; options: of gemm.py."""
    print("matrix products", file=sys.stderr)
    command = [sys.executable, "-m", "benchmarks.gemm", "--size", size]
    done = run([*command, "--seconds", str(seconds), *options])
    return dict(json.loads(done.output))


def limit_of(engine: str, limits: Mapping[str, float | None]) -> float | None:
    """The matrix limit that an engine of this name runs against; None where it does not say."""
    if "int8" in engine:
        return limits.get("int8")
    if "bfloat16" in engine:
        return limits.get("bfloat16")
    if engine in ("torch-float16", "torch-compiled"):
        return limits.get("float16")
    if "float32" in engine or engine == EAGER:
        known = [limits.get(kind) for kind in ("float32", "float32, medium")]
        return max((figure for figure in known if figure), default=None)
    return None


def shown(found: Engines) -> str:
    """Two tables: the limits, and images a second with the share of the limit they reach."""
    limits = [[kind, f"{figure:,.0f}" if figure else "–",
               f"{figure / GIGA_OPERATIONS:,.0f}" if figure else "–"]
              for kind, figure in found.limits.items()]  # fmt: skip
    heads = ("matrix products", "10⁹ operations/s", "images/s at most")
    return table(heads, limits) + "\n\n" + table(
        ("engine", "batch", "images/s", "× open_clip one by one", "× open_clip, same batch",
         "share of the limit"), rows(found))  # fmt: skip


def rows(found: Engines) -> list[list[str]]:
    """A row for each engine and batch size, and one for each engine that failed."""
    failed = [[name, "–", "–", "–", "–", why] for name, why in found.problems.items()]
    result = []
    for (engine, batch), rate in found.rates.items():
        if rate.median is None:
            continue
        limit = limit_of(engine, found.limits)
        share = f"{rate.median * GIGA_OPERATIONS / limit:.0%}" if limit else "–"
        single, same = found.rates.get((EAGER, 1)), found.rates[EAGER, batch]
        result.append([
            engine, str(batch), rate.shown(), rate.over(single).shown(2) if single else "–",
            rate.over(same).shown(2), share,
        ])  # fmt: skip
    return result + failed


def recorded(found: Engines) -> dict[str, object]:
    """All rounds, for JSON."""
    return {
        "giga_operations_per_second": found.limits,
        "images_per_second": [
            {"engine": engine, "batch": batch, "rounds": rate.rounds}
            for (engine, batch), rate in found.rates.items()
        ],
        "problems": found.problems,
    }
