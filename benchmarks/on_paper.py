"""What collections that were never built here would take: hours, memory, disk, money.

    python -m benchmarks.on_paper

Prints the tables of docs/scale.md from measured rates and assumed prices; a test compares both.
Nothing is measured. Put your own prices and rates in place of the constants.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass

COUNTS = {"100 million": 100e6, "1 billion": 1e9, "10 billion": 10e9}
HOURS_A_MONTH = 730
GB, TB = 1e9, 1e12

# Measured; benchmarks/README.md and docs/postgres.md say how.
SMALL_A_CORE = 55 / 2
"""Images of 640×480 a second, embedded by ViT-B/32 on one core."""
LARGE_A_CORE = 25.6 / 2
"""The same for photographs of 12 megapixels; from few files."""
SMALL_DECODED_A_CORE = 278 / 2
"""640×480 with the built-in model, which takes so little that decoding is the limit."""
LARGE_DECODED_A_CORE = 37.2 / 2
ROWS_A_CORE = 415 / 2
"""Rows written a second, by a core that client and server shared."""
GRAPH_A_CORE = 100_096 / 210 / 2
"""Vectors added to a graph a second, by a core."""
DATABASE_BYTES = 383e6 / 100_096
"""Of an image in PostgreSQL, with its part of the graph."""
GRAPH_BYTES = 130e6 / 100_096

# Assumed; see docs/scale.md.
CORES = 16
USABLE = 0.75
"""Share of a machine's memory that a graph may take."""
SMALL_FILE, LARGE_FILE = 60e3, 4e6
"""Bytes of a file."""
DISK_PRICE = 0.08
"""Dollars a month for 1 GB."""


@dataclass(frozen=True)
class Machine:
    """An assumed kind of instance with CORES virtual cores."""

    name: str
    memory_gb: int
    price: float
    """Dollars an hour."""


PROCESSOR = Machine("processor", 32, 0.70)
GRAPHICS = Machine("graphics card", 64, 1.30)
MEMORY = Machine("memory", 128, 1.10)


def rate(machine: Machine, small: bool) -> float:
    """Images a second that one machine embeds. A card is never the limit: decoding is."""
    if machine is GRAPHICS:
        return CORES * (SMALL_DECODED_A_CORE if small else LARGE_DECODED_A_CORE)
    return CORES * (SMALL_A_CORE if small else LARGE_A_CORE)


def shards(count: float) -> int:
    """Databases whose memory holds their part of the graph."""
    return math.ceil(count * GRAPH_BYTES / (MEMORY.memory_gb * GB * USABLE))


def embedding() -> list[str]:
    """The rows of the table of hours and money for embedding."""
    lines = []
    for name, count in COUNTS.items():
        for small in (True, False):
            cells = [f"{name}, {'640×480' if small else '12 megapixels'}"]
            for machine in (PROCESSOR, GRAPHICS):
                hours = count / rate(machine, small) / 3600
                cells.append(f"{_short(hours)} h, ${_short(hours * machine.price)}")
            read = count * (SMALL_FILE if small else LARGE_FILE)
            cells.append(f"{_short(read / TB)} TB")
            lines.append(_row(cells))
    return lines


def storage() -> list[str]:
    """The rows of the table of disk, memory, shards and money for serving."""
    lines = []
    for name, count in COUNTS.items():
        parts = shards(count)
        servers = 2 + parts // 8
        month = 2 * parts * MEMORY.price + servers * PROCESSOR.price
        disk = 2 * count * DATABASE_BYTES / GB * DISK_PRICE
        cells = [
            name,
            f"{_short(count * DATABASE_BYTES / TB)} TB",
            f"{_short(count * GRAPH_BYTES / TB)} TB",
            str(parts),
            f"{_short(count / parts / ROWS_A_CORE / CORES / 3600)} h",
            f"{_short(count / parts / GRAPH_A_CORE / CORES / 3600)} h",
            f"${_short(month * HOURS_A_MONTH + disk)}",
        ]
        lines.append(_row(cells))
    return lines


def _short(value: float) -> str:
    """Two significant digits: the rates are no better."""
    digits = 1 - math.floor(math.log10(value))
    rounded = round(value, digits)
    return f"{rounded:,.{max(0, digits)}f}"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the rows of both tables."""
    sys.stdout.write("\n".join([*embedding(), "", *storage(), ""]))


if __name__ == "__main__":
    main()
