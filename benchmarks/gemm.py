"""How many operations a second do this machine's matrix products reach? The limit of any engine.

python -m benchmarks.gemm [--size 4096] [--seconds 3]    → JSON, 10⁹ operations a second
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

KINDS = ("float32", "float32, medium", "bfloat16", "int8")
LEAST_REPEATS = 3


def operands(kind: str, size: int) -> tuple[Any, Any]:
    """Two matrices (size, size)."""
    if kind == "int8":
        one, other = (torch.randint(-128, 128, (size, size), dtype=torch.int8) for _ in range(2))
        return one, other
    dtype = torch.bfloat16 if kind == "bfloat16" else torch.float32
    return torch.randn(size, size, dtype=dtype), torch.randn(size, size, dtype=dtype)


def product(kind: str, size: int) -> Callable[[], Any]:
    """Something that multiplies once. «medium» is torch's precision that lets oneDNN do it; on
    a CPU it keeps float32's accuracy unless the processor has faster instructions."""
    torch.set_float32_matmul_precision("medium" if "medium" in kind else "highest")
    one, other = operands(kind, size)
    if kind == "int8":
        return lambda: torch._int_mm(one, other)
    return lambda: one @ other


def giga_operations(kind: str, size: int, seconds: float) -> float:
    """The median of as many products as fit into the time."""
    multiply = product(kind, size)
    multiply()
    spent: list[float] = []
    while sum(spent) < seconds or len(spent) < LEAST_REPEATS:
        started = time.perf_counter()
        multiply()
        spent.append(time.perf_counter() - started)
    return 2 * size**3 / statistics.median(spent) / 1e9


def main() -> None:
    """Print the figures; a kind that this torch does not do is null."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--seconds", type=float, default=3.0, help="for each kind")
    asked = parser.parse_args()
    found: dict[str, float | None] = {}
    for kind in KINDS:
        try:
            found[kind] = giga_operations(kind, asked.size, asked.seconds)
        except (RuntimeError, AttributeError):
            found[kind] = None
    print(json.dumps(found))


if __name__ == "__main__":
    main()
