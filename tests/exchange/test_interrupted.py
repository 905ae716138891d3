"""Processes that are killed in the middle; then the same is run again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mmembed.errors import InputError
from mmembed.exchange.export_manifest import read_manifest
from mmembed.exchange.open_export import open_export
from mmembed.store.folder_store import FolderStore
from mmembed.store.protocol import Store
from tests.exchange.contents import MODEL, contents, dump, image, load
from tests.postgres_server import address

pytestmark = pytest.mark.slow

ROWS, KILLED_AT = 3000, 1000
OPEN = {
    "folder": "from mmembed.store.folder_store import FolderStore\n"
    "store = FolderStore(Path(where), exact_limit=50_000)\n",
    "postgresql": "from mmembed.store.postgres.postgres_store import PostgresStore\n"
    "store = PostgresStore(where, Path(files), exact_limit=50_000)\n",
}
"""Programs that open a store."""
BEGIN = "import sys\nfrom pathlib import Path\nwhere, files, at = sys.argv[1:]\n"
SAY = "def say(done, *_): print(done, flush=True)\n"
EXPORT = """
from mmembed.exchange.write_export import WantedItems, export_folder
export_folder(store, Path(at), ".jsonl", WantedItems(header_version=3), say)
"""
IMPORT = """
from mmembed.exchange.open_export import open_export
from mmembed.exchange.take_in import TakingIn
TakingIn(store, open_export(Path(at))).run(say, say)
"""


def kill_amid(program: str, *arguments: str | Path) -> None:
    """Run a program until it says that many are done, and kill it then."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process.stdout as lines:
        seen = next(int(line) for line in lines if int(line) >= KILLED_AT)
        process.kill()
    assert process.wait() < 0
    assert seen < ROWS


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A data folder with many images."""
    store = FolderStore(tmp_path / "filled", exact_limit=50_000)
    store.claim(MODEL)
    store.write([image(number) for number in range(ROWS)])
    store.close()
    return tmp_path / "filled"


def test_a_killed_export_is_none_until_it_is_run_again(filled: Path, tmp_path: Path) -> None:
    to = tmp_path / "export"
    kill_amid(BEGIN + SAY + OPEN["folder"] + EXPORT, filled, "", to)
    assert not read_manifest(to).complete
    with pytest.raises(InputError, match="did not end; run the same export again"):
        open_export(to)
    store = FolderStore(filled, exact_limit=50_000)
    assert open_export(dump(store, to, ".jsonl")).rows == ROWS
    store.close()


@pytest.mark.parametrize("sort", ["folder", pytest.param("postgresql", marks=pytest.mark.scale)])
def test_a_killed_import_goes_on(filled: Path, tmp_path: Path, sort: str) -> None:
    first = FolderStore(filled, exact_limit=50_000)
    to = dump(first, tmp_path / "export", ".jsonl")
    where = str(tmp_path / "taken") if sort == "folder" else address()
    kill_amid(BEGIN + SAY + OPEN[sort] + IMPORT, where, tmp_path / "files", to)
    second: Store
    if sort == "folder":
        second = FolderStore(Path(where), exact_limit=50_000)
    else:
        from mmembed.store.postgres.postgres_store import PostgresStore  # psycopg may be missing

        second = PostgresStore(where, tmp_path / "files", exact_limit=50_000)
    before = second.count("image")
    assert KILLED_AT <= before < ROWS
    report = load(second, to)
    assert (report.added, report.unchanged) == (ROWS - before, before)
    assert contents(second) == contents(first)
    assert second.check() == []
    first.close()
    second.close()
