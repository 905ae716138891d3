"""Milliseconds of text queries to a collection, in a process of its own.

python -m benchmarks.queries DATA [--repeats 50]    → JSON
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from mmembed import Collection, Settings, Term

WORDS = ("a red boat", "two dogs on grass", "a city at night", "blue flowers", "snow on a roof")
MODEL = "bundled"
K = 10


def main() -> None:
    """Print the first query's milliseconds, start-up included, and those of the following ones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--repeats", type=int, default=50)
    asked = parser.parse_args()
    started = time.perf_counter()
    with Collection(Settings.from_env({}, data=asked.data, model=MODEL)) as collection:
        spent = []
        for turn in range(asked.repeats + 1):
            terms = [Term(text=f"{WORDS[turn % len(WORDS)]} {turn}")]  # never the same twice
            collection.search(terms, k=K)
            spent.append((time.perf_counter() - started) * 1000)
            started = time.perf_counter()
    print(json.dumps({"first_ms": spent[0], "ms": spent[1:]}))


if __name__ == "__main__":
    main()
