"""Memory does not grow with the number of items."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mmembed.store.folder_store import FolderStore
from tests.exchange.contents import MODEL, image, vector

pytestmark = pytest.mark.slow

FEW, MANY, DIM = 1000, 6000, 1024
MOST_MB = 10
"""More that many items may take than few; their records would take some 30 MB more."""
PROGRAM = """
import sys
from pathlib import Path
from mmembed.exchange import write_export
from mmembed.exchange.open_export import open_export
from mmembed.exchange.take_in import TakingIn
from mmembed.filters.parse import parse_where
from mmembed.store.folder_store import FolderStore
what, store, at, where = sys.argv[1:]
write_export.PART_BYTES = 2**21
def silent(*_): pass
store = FolderStore(Path(store), exact_limit=50_000)
if what == "export":
    wanted = write_export.WantedItems(parse_where(where), where)
    write_export.export_folder(store, Path(at), ".jsonl", wanted, silent)
else:
    assert TakingIn(store, open_export(Path(at))).run(silent, silent).failed == 0
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def peak_mb(*arguments: str | Path) -> float:
    """The largest resident memory of an export or import, in a process of its own. It is not that
    of getrusage, which begins with the parent's."""
    command = [sys.executable, "-c", PROGRAM, *map(str, arguments)]
    return int(subprocess.run(command, capture_output=True, check=True).stdout) * 1024 / 1e6


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_memory_is_bounded(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "first", exact_limit=50_000)
    store.claim(replace(MODEL, dim=DIM))
    for start in range(0, MANY, 1000):
        numbers = range(start, start + 1000)
        store.write([image(number, embedding=vector(number, DIM)) for number in numbers])
    store.close()
    few, many = tmp_path / "few", tmp_path / "many"
    narrow = f"bytes<{1000 + FEW}"
    peak_of_few = peak_mb("export", tmp_path / "first", few, narrow)
    assert peak_mb("export", tmp_path / "first", many, "") - peak_of_few < MOST_MB
    assert len([*many.glob("items-*.jsonl")]) > 2
    peak_of_few = peak_mb("import", tmp_path / "second", few, "")
    assert peak_mb("import", tmp_path / "third", many, "") - peak_of_few < MOST_MB
