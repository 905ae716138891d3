"""How many operations a second do this machine's matrix products reach? The limit of any engine.

python -m benchmarks.gemm [--size 4096] [--seconds 3] [--device cuda --kinds float16 bfloat16]
→ JSON, 10⁹ operations a second
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


def operands(kind: str, size: int, device: str) -> tuple[Any, Any]:
    """Two matrices (size, size)."""
    if kind == "int8":
        some = (torch.randint(-128, 128, (size, size), dtype=torch.int8) for _ in range(2))
    else:
        dtype = {"bfloat16": torch.bfloat16, "float16": torch.float16}.get(kind, torch.float32)
        some = (torch.randn(size, size, dtype=dtype) for _ in range(2))
    one, other = (matrix.to(device) for matrix in some)
    return one, other


def product(kind: str, size: int, device: str) -> Callable[[], Any]:
    """Something that multiplies once. «medium» is torch's precision that lets oneDNN do it; on
    a CPU it keeps float32's accuracy unless the processor has faster instructions."""
    torch.set_float32_matmul_precision("medium" if "medium" in kind else "highest")
    one, other = operands(kind, size, device)
    multiply = torch._int_mm if kind == "int8" else torch.matmul
    if not device.startswith("cuda"):
        return lambda: multiply(one, other)

    def finished() -> None:
        multiply(one, other)
        torch.cuda.synchronize()

    return finished


def giga_operations(kind: str, size: int, seconds: float, device: str = "cpu") -> float:
    """The median of as many products as fit into the time."""
    multiply = product(kind, size, device)
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
    parser.add_argument("--device", default="cpu", help="as torch names it")
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), metavar="KIND")
    asked = parser.parse_args()
    found: dict[str, float | None] = {}
    for kind in asked.kinds:
        try:
            found[kind] = giga_operations(kind, asked.size, asked.seconds, asked.device)
        except (RuntimeError, AttributeError):
            found[kind] = None
    print(json.dumps(found))


if __name__ == "__main__":
    main()
