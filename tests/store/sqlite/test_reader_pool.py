"""Who reads waits for nobody who writes, and sees what was written before."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from mmembed.errors import StoreBusy, StoreError
from mmembed.store.entries import CaptionEntry, ImageEntry
from mmembed.store.sqlite import Catalog, reader_pool
from tests.folder_store import folder_store
from tests.serving import add, eventually, serving

Entry = Callable[..., ImageEntry]


def writing_transaction(catalog: Catalog) -> sqlite3.Connection:
    """Another program's, which is not ended."""
    other = sqlite3.connect(catalog.folder / "catalog.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute("INSERT INTO meta VALUES ('theirs', 'x')")
    return other


def test_another_programs_transaction_keeps_no_reader_waiting(
    catalog: Catalog, entry: Entry
) -> None:
    [item_id] = catalog.write([entry("/a.jpg", tags=("x",))])
    other = writing_transaction(catalog)
    with ThreadPoolExecutor(8) as pool:
        writer = pool.submit(catalog.write, [entry("/b.jpg")])
        eventually(catalog._writing.locked)
        time.sleep(0.05)
        started = time.monotonic()
        for _ in range(20):
            assert pool.submit(catalog.item, item_id).result(10).path == "/a.jpg"
            assert pool.submit(catalog.count).result(10) == 1
            assert pool.submit(catalog.troubles).result(10) == []
        assert time.monotonic() - started < 10
        assert not writer.done()
        other.execute("ROLLBACK")
        assert writer.result(60)
    other.close()
    assert catalog.count() == 2


def test_who_waits_too_long_is_told_that_another_writes(catalog: Catalog, entry: Entry) -> None:
    other = writing_transaction(catalog)
    catalog._connection.execute("PRAGMA busy_timeout = 20")
    with pytest.raises(StoreBusy, match="another program is writing"):
        catalog.write([entry("/b.jpg")])
    other.execute("ROLLBACK")
    other.close()
    assert catalog.write([entry("/b.jpg")])
    assert catalog.troubles() == []


@pytest.mark.slow
def test_a_server_answers_while_another_program_writes(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with serving(tmp_path_factory.mktemp("data")) as (client, collection):
        item = add(client, "red")
        other = writing_transaction(folder_store(collection))
        with ThreadPoolExecutor(1) as pool:
            tagging = pool.submit(client.patch, f"/v1/items/{item['id']}", json={"tags": ["x"]})
            eventually(folder_store(collection)._writing.locked)
            for path in ("/v1/search?q=red", "/v1/items", f"/v1/items/{item['id']}", "/health"):
                assert client.get(path).status_code == 200
            assert not tagging.done()
            other.execute("ROLLBACK")
            assert tagging.result(60).status_code == 200
        other.close()


@pytest.mark.slow
def test_every_reader_sees_what_was_acknowledged(catalog: Catalog) -> None:
    """On whichever connection it asks."""
    barrier = threading.Barrier(16)

    def write_and_read(number: int) -> None:
        barrier.wait()
        for turn in range(5):
            words = f"{number} {turn}"
            vector = np.array([1, number, turn, 1], np.float32)
            item_id = catalog.write_caption(CaptionEntry(words, vector))
            assert catalog.item(item_id).caption == words
            catalog.remove([item_id])
            assert catalog.content("caption", CaptionEntry(words, None).sha256) is None

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(write_and_read, range(16)))


@pytest.mark.slow
def test_many_threads_share_a_few_connections(catalog: Catalog, entry: Entry) -> None:
    catalog.write([entry("/a.jpg")])
    before = len(os.listdir("/dev/fd"))
    slow = (
        "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 500) "
        "SELECT count(*) FROM n"
    )
    with ThreadPoolExecutor(512) as pool:
        found = list(pool.map(lambda _: catalog._rows(slow), range(512)))
        assert found == [[(500,)]] * 512
        assert len(os.listdir("/dev/fd")) <= before + 3 * reader_pool.MOST
    assert 1 <= len(catalog._readers._idle) <= reader_pool.MOST


def test_what_is_closed_says_so_and_closing_waits_for_those_who_read(catalog: Catalog) -> None:
    reached = threading.Event()

    def wait() -> int:
        reached.set()
        time.sleep(0.2)
        return 5

    catalog.count()
    [reader] = catalog._readers._idle
    reader.create_function("wait", 0, wait)
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(catalog._rows, "SELECT wait()")
        assert reached.wait(30)
        catalog.close()
        assert reading.result(30) == [(5,)]
    with pytest.raises(StoreError, match="closed"):
        catalog.count()
    assert not (catalog.folder / "catalog.sqlite3-wal").exists()
    catalog.close()


def test_readers_can_change_nothing(catalog: Catalog, entry: Entry) -> None:
    catalog.write([entry("/a.jpg")])
    with pytest.raises(StoreError, match="readonly"):
        catalog._rows("DELETE FROM items")
    assert catalog.count() == 1


def test_a_connection_without_a_counter_beside_it_is_closed() -> None:
    opened: list[sqlite3.Connection] = []

    def open_one() -> sqlite3.Connection:
        if opened:
            raise sqlite3.OperationalError("too many open files")
        opened.append(sqlite3.connect(":memory:"))
        return opened[-1]

    with pytest.raises(sqlite3.OperationalError, match="too many"):
        reader_pool.Readers(open_one).rows("SELECT 1")
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        opened[0].execute("SELECT 1")
