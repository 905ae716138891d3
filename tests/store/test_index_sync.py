"""The views of a catalog follow it, whoever writes, and never trust their own files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmembed.store.entries import Model
from mmembed.store.sqlite import Catalog
from mmembed.store.vectors import VectorView, snapshot
from tests.serving import eventually
from tests.store.folder_views import answers, fill, fresh, images, published
from tests.store.vectors.clustered import Entry


def test_without_a_model_there_is_no_view(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path / "data")
    views = fresh(catalog)
    assert views.view("image") is None
    views.publish()
    views.rebuild()
    catalog.close()


def test_a_published_view_is_loaded_and_not_rebuilt(
    catalog: Catalog, entry: Entry, rebuilt: list[str]
) -> None:
    before = published(catalog, entry)
    rebuilt.clear()
    assert answers(fresh(catalog)) == before
    assert rebuilt == []


def test_views_follow_another_connection_without_reopening(
    catalog: Catalog, open_catalog: Callable[[], Catalog], entry: Entry, rebuilt: list[str]
) -> None:
    published(catalog, entry)
    views, other = fresh(catalog), open_catalog()
    assert len(answers(views)[0]) == 40
    rebuilt.clear()
    fill(other, entry, 40, 5)
    other.remove([1, 2])
    assert set(answers(views)[0]) == set(range(3, 46))
    assert answers(views) == answers(fresh(other))
    assert rebuilt == []


@pytest.mark.slow
def test_views_follow_another_process(catalog: Catalog, entry: Entry) -> None:
    published(catalog, entry)
    views = fresh(catalog)
    assert len(answers(views)[0]) == 40
    script = (
        "import sys, numpy as np\nfrom pathlib import Path\nfrom mmembed.store.sqlite import *\n"
        "from mmembed.store.entries import ImageEntry\n"
        "c = Catalog(Path(sys.argv[1]))\n"
        "c.write([ImageEntry('/new', 'new', np.array([9, 9, 9, 1.0]), 1, 1, 1, 'PNG', 1)])\n"
        "c.remove([7])\nc.close()\n"
    )
    subprocess.run([sys.executable, "-c", script, str(catalog.folder)], check=True, timeout=60)
    assert set(answers(views)[0]) == set(range(1, 42)) - {7}


def test_a_stale_snapshot_is_brought_up_to_date(
    catalog: Catalog, entry: Entry, rebuilt: list[str]
) -> None:
    published(catalog, entry)
    fill(catalog, entry, 40, 10)
    catalog.remove([3])
    catalog.write([entry("/5", (0, 0, 0, 1), sha256="changed")])
    rebuilt.clear()
    views = fresh(catalog)
    followed = answers(views)
    assert rebuilt == []
    views.rebuild()
    assert followed == answers(views)
    assert 3 not in followed[0]


@pytest.mark.parametrize("damage", ["missing", "garbage", "sidecar", "another"])
def test_a_damaged_snapshot_is_not_used_and_the_answers_stay_the_same(
    catalog: Catalog, entry: Entry, rebuilt: list[str], saved: VectorView, damage: str
) -> None:
    before = published(catalog, entry)
    path = catalog.folder / "images.usearch"
    rebuilt.clear()
    if damage == "missing":
        path.unlink()
    elif damage == "garbage":
        path.write_bytes(os.urandom(path.stat().st_size))
    elif damage == "sidecar":
        snapshot.sidecar(path).write_text("{")
    else:
        for end in ("", ".json"):
            shutil.copy(f"{saved.path}{end}", f"{path}{end}")
    views = fresh(catalog)
    assert answers(views) == before
    assert rebuilt == ["image"]
    assert not images(views).has_cells
    views.publish()
    assert answers(fresh(catalog)) == before


def test_a_snapshot_of_another_collection_is_rebuilt(
    catalog: Catalog, entry: Entry, rebuilt: list[str], tmp_path: Path
) -> None:
    before = published(catalog, entry)
    other = Catalog(tmp_path / "other")
    other.claim(Model("four", "fingerprint-of-four", 4))
    other.write([entry(f"/x{i}", (1, i, 1, 1)) for i in range(40)])
    fresh(other).publish()
    other.close()
    rebuilt.clear()
    for end in ("", ".json"):
        shutil.copy(tmp_path / "other" / f"images.usearch{end}", catalog.folder)
    assert answers(fresh(catalog)) == before
    assert rebuilt == ["image"]


@pytest.mark.parametrize("written_since", [0, 5, 10, 20])
def test_after_a_backup_is_restored_newer_snapshots_are_rebuilt(
    catalog: Catalog,
    open_catalog: Callable[[], Catalog],
    entry: Entry,
    rebuilt: list[str],
    tmp_path: Path,
    written_since: int,
) -> None:
    """The snapshot holds changes 1 to 50 of a history that ended at 40 and went another way:
    the same numbers, other pictures, and even as many of them."""
    fill(catalog, entry, 0, 40)
    catalog._connection.execute("VACUUM INTO ?", (str(tmp_path / "backup"),))
    fill(catalog, entry, 40, 10)
    fresh(catalog).publish()
    catalog.close()
    for path in catalog.folder.glob("catalog.sqlite3*"):
        path.unlink()
    shutil.copy(tmp_path / "backup", catalog.folder / "catalog.sqlite3")
    restored = open_catalog()
    if written_since:
        fill(restored, entry, 1000, written_since)
    rebuilt.clear()
    views = fresh(restored)
    found = answers(views)
    assert rebuilt == ["image"]
    assert set(found[0]) <= set(range(1, 41 + written_since))
    view = images(views)
    for item_id in (1, 40 + written_since):
        own = restored.vector_of(item_id).astype(np.float32)
        assert view.search(own / np.linalg.norm(own), 1).ids.tolist() == [item_id]


def test_a_catalog_that_goes_back_under_a_running_view_is_followed(
    catalog: Catalog, entry: Entry
) -> None:
    published(catalog, entry)
    views = fresh(catalog)
    assert len(answers(views)[0]) == 40
    with catalog._transaction() as db:
        db.execute("DELETE FROM items WHERE id > 30")
        db.execute("DELETE FROM changes WHERE seq > 30")
    assert set(answers(views)[0]) == set(range(1, 31))


@pytest.mark.slow
def test_many_removals_want_other_cells(catalog: Catalog, entry: Entry, rebuilt: list[str]) -> None:
    fill(catalog, entry, 0, 600)
    views = fresh(catalog)
    views.publish()
    rebuilt.clear()
    catalog.remove(list(range(1, 301)))
    assert {i for found in answers(views) for i in found} <= set(range(301, 601))
    eventually(lambda: not images(views).is_outgrown)  # it is built in the background
    views.close()
    assert rebuilt == ["image"]
    assert not images(views).is_outgrown
    assert {i for found in answers(views) for i in found} <= set(range(301, 601))


def test_no_lock_is_taken_while_nothing_changes(
    catalog: Catalog, open_catalog: Callable[[], Catalog], entry: Entry
) -> None:
    """And each change by any connection is seen."""
    published(catalog, entry)
    views, other = fresh(catalog), open_catalog()
    answers(views)
    with views._lock, ThreadPoolExecutor(8) as pool:
        assert all(len(found) == 5 for found in pool.map(lambda _: answers(views), range(40)))
    for number, writer in enumerate((catalog, other, catalog)):
        writer.remove([number + 1])
        assert number + 1 not in images(views).ids().tolist()


def test_large_cells_of_another_process_are_loaded_in_the_background(
    catalog: Catalog,
    open_catalog: Callable[[], Catalog],
    entry: Entry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(snapshot, "VIEWED_FROM", 1)
    fill(catalog, entry, 0, 40)
    running = fresh(catalog)
    exact = answers(running)
    fresh(open_catalog()).publish()
    begun, go = threading.Event(), threading.Event()
    real = VectorView.load

    def load(view: VectorView, *arguments: Any) -> bool:
        begun.set()
        assert go.wait(30)
        return real(view, *arguments)

    monkeypatch.setattr(VectorView, "load", load)
    assert answers(running) == exact
    assert begun.wait(30)
    fill(catalog, entry, 40, 1)
    assert 41 in images(running).ids().tolist()  # meanwhile
    assert not images(running).has_cells
    go.set()
    running.close()
    assert images(running).has_cells
    assert 41 in images(running).ids().tolist()


def test_a_writer_during_the_start_does_not_make_it_rebuild(
    catalog: Catalog,
    open_catalog: Callable[[], Catalog],
    entry: Entry,
    rebuilt: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An indexer commits between any two questions that the starting server asks."""
    published(catalog, entry)
    other = open_catalog()
    pending = iter(range(100, 103))
    real = Catalog.extent

    def extent(self: Catalog, kind: Any, model: Any) -> tuple[int, int]:
        found = real(self, kind, model)
        for number in pending:
            other.write([entry(f"/{number}", (number, 1, 2, 3))])
            other.remove([number - 98])
            break
        return found

    monkeypatch.setattr(Catalog, "extent", extent)
    rebuilt.clear()
    views = fresh(catalog)
    assert len(answers(views)[0]) == 40
    assert rebuilt == []


def test_a_large_backlog_is_followed_in_portions(
    catalog: Catalog, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmembed.store.index_sync.FOLLOW_AT_ONCE", 7)
    views = fresh(catalog)
    answers(views)
    fill(catalog, entry, 0, 40)
    assert set(answers(views)[0]) == set(range(1, 41))


def test_a_view_that_another_thread_loads_meanwhile_is_found(
    catalog: Catalog, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(catalog, entry, 0, 5)
    views, version = fresh(catalog), catalog.version

    def meanwhile() -> int:
        monkeypatch.setattr(catalog, "version", version)
        assert views.view("image") is not None
        return version()

    monkeypatch.setattr(catalog, "version", meanwhile)
    assert views.view("image") is not None


@pytest.mark.slow
def test_many_threads_may_ask_while_others_write(
    catalog: Catalog, open_catalog: Callable[[], Catalog], entry: Entry
) -> None:
    fill(catalog, entry, 0, 40)
    views, other = fresh(catalog, exact_limit=10), open_catalog()

    def ask(_: int) -> int:
        return min(len(found) for found in answers(views))

    def write(number: int) -> None:
        other.write([entry(f"/w{number}", (1, number, number % 5, 2))])
        views.publish()

    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask, i) for i in range(40)]
        wrote = [pool.submit(write, i) for i in range(10)]
        assert all(one.result(timeout=60) >= 40 for one in asked)
        for one in wrote:
            one.result(timeout=60)
    views.publish()
    assert answers(fresh(catalog)) == answers(views)
