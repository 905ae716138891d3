"""What is written is whole, whoever writes at the same time and whatever fails."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from mmembed.errors import StoreBusy, StoreError
from mmembed.store.sqlite import Catalog, transactions
from mmembed.store.sqlite.lock_files import exclusive
from tests.store.sqlite.soundness import Entry, is_sound

OpenCatalog = Callable[[], Catalog]


@pytest.mark.slow
def test_a_writer_of_another_process_is_named(
    catalog: Catalog, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "WRITE_WAIT_S", 0.05)
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys\nfrom pathlib import Path\n"
            "from mmembed.store.sqlite.lock_files import exclusive\n"
            "with exclusive(Path(sys.argv[1]), purpose='testing', wait_s=0):\n"
            "    print('held', flush=True)\n    sys.stdin.read()",
            str(catalog.folder / "catalog.lock"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdin
    assert holder.stdout
    try:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StoreBusy, match=rf"process {holder.pid}, testing"):
            catalog.write([entry("/a.jpg")])
        assert catalog.count() == 0
    finally:
        holder.kill()
        holder.communicate()
    catalog.write([entry("/a.jpg")])  # the dead hold nothing


def test_two_indexings_at_once_are_refused(catalog: Catalog, open_catalog: OpenCatalog) -> None:
    with (
        catalog.exclusive("indexing"),
        pytest.raises(StoreBusy, match="indexing"),
        open_catalog().exclusive("indexing"),
    ):
        pass
    with catalog.exclusive("indexing"):
        pass


def test_waiting_for_another_writer_keeps_no_reader_waiting(catalog: Catalog, entry: Entry) -> None:
    with exclusive(catalog.folder / "catalog.lock", purpose="testing", wait_s=0):
        writer = threading.Thread(target=catalog.write, args=([entry("/a.jpg")],))
        writer.start()
        with ThreadPoolExecutor(1) as reader:
            assert reader.submit(catalog.count).result(timeout=10) == 0
        assert writer.is_alive()
    writer.join(10)
    assert catalog.count() == 1


def test_threads_and_connections_write_side_by_side(
    catalog: Catalog, open_catalog: OpenCatalog, entry: Entry
) -> None:
    both = [catalog, open_catalog()]

    def write(number: int) -> list[int]:
        vector = (1, number / 64, number % 7 / 8, 0)
        both[number % 2].count()
        return both[number % 2].write([entry(f"/{number}.jpg", vector)])

    with ThreadPoolExecutor(8) as pool:
        ids = [item_id for written in pool.map(write, range(64)) for item_id in written]
    assert len(set(ids)) == 64
    assert [c.count() for c in both] == [64, 64]
    assert is_sound(catalog)


@pytest.mark.parametrize("moment", ["BEGIN IMMEDIATE", "INSERT INTO items", "COMMIT"])
def test_an_interrupt_leaves_no_transaction_open(
    catalog: Catalog, entry: Entry, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    class Interrupted:
        """The connection, but Ctrl-C arrives just before or after a statement."""

        def __init__(self, real: sqlite3.Connection) -> None:
            self.real = real

        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            if moment.startswith("BEGIN") and sql == moment:
                self.real.execute(sql, *values)
                raise KeyboardInterrupt
            if sql.startswith(moment):
                raise KeyboardInterrupt
            return self.real.execute(sql, *values)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.real, name)

    with monkeypatch.context() as patch:
        patch.setattr(catalog, "_connection", Interrupted(catalog._connection))
        with pytest.raises(KeyboardInterrupt):
            catalog.write([entry("/a.jpg")])
    assert catalog.count() == 0
    assert catalog.last_change() == 0
    catalog.write([entry("/a.jpg")])
    assert is_sound(catalog)


@pytest.mark.slow
def test_a_process_that_dies_in_a_transaction_leaves_nothing(
    catalog: Catalog, entry: Entry, open_catalog: OpenCatalog
) -> None:
    dying = (
        "import os, signal, sys\nfrom pathlib import Path\n"
        "from mmembed.store.sqlite import Catalog\n"
        "with Catalog(Path(sys.argv[1]))._transaction() as db:\n"
        "    db.execute('DELETE FROM meta')\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", dying, str(catalog.folder)], check=False)
    assert ended.returncode == -9
    assert open_catalog().model() is not None
    catalog.write([entry("/a.jpg")])


def test_a_full_disk_loses_nothing_that_was_kept(catalog: Catalog, entry: Entry) -> None:
    catalog.write([entry("/kept.jpg")])
    pages = catalog._connection.execute("PRAGMA page_count").fetchone()[0]
    catalog._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match="full"):
        catalog.write([entry(f"/{'x' * 200}{i}.jpg", (1, i, 0, 0)) for i in range(500)])
    assert [item.path for item in catalog.page(after=0, limit=9, kind=None)] == ["/kept.jpg"]
    catalog._connection.execute("PRAGMA max_page_count = 100000")
    catalog.write([entry("/b.jpg")])
    assert is_sound(catalog)


@pytest.mark.slow
def test_a_change_is_kept_though_its_checkpoint_fails(
    catalog: Catalog, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "CHECKPOINT_BYTES", 0)
    reader = sqlite3.connect(catalog.folder / "catalog.sqlite3", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM items").fetchall()
    catalog.write([entry("/a.jpg")])
    catalog.write([entry("/b.jpg")])
    assert catalog.count() == 2
    wal = catalog.folder / "catalog.sqlite3-wal"
    assert wal.stat().st_size > 0
    reader.execute("COMMIT")
    reader.close()
    catalog.write([entry("/c.jpg")])
    assert wal.stat().st_size == 0


@pytest.mark.slow
def test_the_log_does_not_grow_without_end(
    catalog: Catalog, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "CHECKPOINT_BYTES", 200_000)
    for number in range(40):
        catalog.write([entry(f"/{number}-{i}.jpg", (1, number, i, 1)) for i in range(20)])
        assert (catalog.folder / "catalog.sqlite3-wal").stat().st_size <= 200_000
