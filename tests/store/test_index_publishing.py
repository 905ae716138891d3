"""When cells are built and saved, and who takes them."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmembed.store.sqlite import Catalog
from mmembed.store.vectors import VectorView, snapshot
from tests.store.folder_views import answers, fill, fresh, images, published
from tests.store.vectors.clustered import Entry


def test_a_view_that_cannot_be_saved_is_no_failure(
    catalog: Catalog,
    entry: Entry,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    fill(catalog, entry, 0, 40)
    views = fresh(catalog)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(snapshot, "write", full)
    views.publish()
    assert "No space left" in caplog.text
    monkeypatch.undo()
    views.publish()
    assert (catalog.folder / "images.usearch").exists()


def test_a_view_is_saved_once_for_each_change(
    catalog: Catalog, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(catalog, entry, 0, 40)
    views, written = fresh(catalog), []
    real = snapshot.write

    def write(path: Path, *rest: Any) -> None:
        written.append(path.name)
        real(path, *rest)

    monkeypatch.setattr(snapshot, "write", write)
    views.publish()
    views.publish()
    assert written == ["images.usearch"]


def test_few_vectors_are_searched_without_cells_and_leave_no_snapshot(
    catalog: Catalog, entry: Entry
) -> None:
    before = published(catalog, entry)
    views = fresh(catalog, exact_limit=40)
    views.publish()
    assert list(catalog.folder.glob("*.usearch*")) == []
    view = images(views)
    assert not view.has_cells
    assert answers(views) == before


def test_what_outgrows_its_limit_is_searched_exactly_until_it_is_published(
    catalog: Catalog, entry: Entry, rebuilt: list[str]
) -> None:
    fill(catalog, entry, 0, 8)
    views = fresh(catalog)
    answers(views)
    fill(catalog, entry, 8, 32)
    rebuilt.clear()
    exact = answers(views)
    view = images(views)
    assert (rebuilt, view.has_cells, view.wants_cells) == ([], False, True)
    views.publish()
    assert (rebuilt, view.has_cells, view.wants_cells) == (["image"], True, False)
    assert answers(views) == answers(fresh(catalog)) == exact


def test_cells_that_another_process_published_are_taken(
    catalog: Catalog, open_catalog: Callable[[], Catalog], entry: Entry, rebuilt: list[str]
) -> None:
    fill(catalog, entry, 0, 40)
    running = fresh(catalog)
    exact = answers(running)
    assert not images(running).has_cells
    fresh(open_catalog()).publish()
    rebuilt.clear()
    assert answers(running) == exact
    assert images(running).has_cells
    running.publish()
    assert rebuilt == []


def test_damaged_cells_of_another_process_are_not_taken(
    catalog: Catalog, open_catalog: Callable[[], Catalog], entry: Entry
) -> None:
    fill(catalog, entry, 0, 40)
    running = fresh(catalog)
    exact = answers(running)
    fresh(open_catalog()).publish()
    (catalog.folder / "images.usearch").write_bytes(b"usearch")
    assert answers(running) == exact
    assert not images(running).has_cells


def test_publishing_without_building_builds_nothing(
    catalog: Catalog, entry: Entry, rebuilt: list[str]
) -> None:
    fill(catalog, entry, 0, 40)
    views = fresh(catalog)
    answers(views)
    rebuilt.clear()
    views.publish(build=False)
    assert rebuilt == []
    assert list(catalog.folder.glob("*.usearch*")) == []


def test_a_snapshot_that_cannot_be_deleted_is_no_failure(
    catalog: Catalog,
    entry: Entry,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    published(catalog, entry)

    def refuse(*_: object) -> None:
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(snapshot, "discard", refuse)
    fresh(catalog, exact_limit=40).publish()
    assert "cannot be deleted: Permission denied" in caplog.text


def test_a_view_that_another_thread_reads_anew_meanwhile_is_not_saved(
    catalog: Catalog, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the catalog went back in its history."""
    fill(catalog, entry, 0, 40)
    views = fresh(catalog)
    unsaved = VectorView.__dict__["unsaved"].fget

    def meanwhile(view: VectorView) -> bool:
        was_unsaved = unsaved(view)
        view.rebuild(catalog.all_embeddings("image"), view.seq, cells=False)
        return bool(was_unsaved)

    monkeypatch.setattr(VectorView, "unsaved", property(meanwhile))
    views.publish()
    assert list(catalog.folder.glob("*.usearch*")) == []


@pytest.mark.slow
def test_closing_waits_for_a_thread_that_is_just_being_started(
    catalog: Catalog, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    published(catalog, entry)
    views, errors = fresh(catalog), list[BaseException]()
    images(views)
    fill(catalog, entry, 40, 300)  # the cells are outgrown
    start, closing = threading.Thread.start, list[threading.Thread]()

    def close() -> None:
        try:
            views.close()
        except BaseException as error:
            errors.append(error)

    def meanwhile(thread: threading.Thread) -> None:
        if thread.name == "images.usearch":
            closing.append(threading.Thread(target=close))
            start(closing[0])
            closing[0].join(0.2)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", meanwhile)
    images(views)
    closing[0].join(30)
    assert errors == []
