"""Interruptions, full disks and others at work lose nothing that was committed."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmembed.collection.collection import Collection
from mmembed.errors import StoreBusy, StoreError
from mmembed.ingest import pipeline, prepare
from mmembed.media import decode
from mmembed.store.sqlite import Catalog
from tests.fake_encoder import FakeEncoder
from tests.folder_store import folder_store
from tests.ingest.outcomes import Index, MakePicture, counts, ids, three


def test_an_interrupt_keeps_what_was_committed_and_the_next_run_completes(
    collection: Collection,
    index: Index,
    picture: MakePicture,
    encoder: FakeEncoder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pipeline, "COMMIT_IMAGES", 4)
    for number in range(20):
        picture(f"{number:02}.png", seed=number + 1)
    real = Catalog.write
    calls = iter(range(99))

    def write(self: Catalog, *arguments: Any) -> list[int]:
        if next(calls) == 2:
            raise KeyboardInterrupt
        return real(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Catalog, "write", write)
        report = index()
    assert report.interrupted
    assert collection.store.count("image") == 8
    assert threading.active_count() < 20
    encoder.batches.clear()
    assert counts(index()) == {"embedded": 12, "unchanged": 8}
    assert sum(encoder.batches) == 12
    assert folder_store(collection).extent("image") == (20, 20)


def test_an_interrupted_run_removes_nothing(
    collection: Collection, index: Index, picture: MakePicture, monkeypatch: pytest.MonkeyPatch
) -> None:
    red, *_ = three(picture)
    index()
    red.unlink()
    picture("new.png", "black")

    def write(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Catalog, "write", write)
        assert counts(index()) == {"interrupted": True, "unchanged": 2}
    assert collection.store.count("image") == 3
    assert counts(index()) == {"embedded": 1, "unchanged": 2, "removed": 1}


def test_a_full_disk_in_the_middle_loses_nothing_that_was_committed(
    collection: Collection, index: Index, picture: MakePicture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "COMMIT_IMAGES", 4)
    for number in range(40):
        picture(f"{'x' * 200}{number:02}.png", seed=number + 1)
    database = folder_store(collection)._connection
    pages = database.execute("PRAGMA page_count").fetchone()[0]
    database.execute(f"PRAGMA max_page_count = {pages + 6}")
    with pytest.raises(StoreError, match="full"):
        index()
    kept = collection.store.count("image")
    assert 0 < kept < 40
    database.execute("PRAGMA max_page_count = 1000000")
    assert counts(index()) == {"embedded": 40 - kept, "unchanged": kept}
    assert collection.store.check() == []


def test_two_indexings_at_once_are_refused(
    collection: Collection,
    index: Index,
    picture: MakePicture,
    open_collection: Callable[..., Collection],
    photos: Path,
) -> None:
    picture()
    other = open_collection()

    def during(done: int, total: int, failed: int) -> None:
        with pytest.raises(StoreBusy, match=r"indexing.*wait for it to end"):
            other.index([photos], progress=lambda *_: None)

    assert collection.index([photos], progress=during).embedded == 1


def test_a_picture_that_changes_while_it_is_read_is_read_again_by_the_next_run(
    collection: Collection, index: Index, picture: MakePicture, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = picture("a.png", "red")
    real = decode.read_file

    def read_file(source: str, **options: Any) -> bytes:
        picture("a.png", "blue")
        os.utime(path, ns=(1, 1))
        return real(source, **options)

    with monkeypatch.context() as patch:
        patch.setattr(prepare, "read_file", read_file)
        assert counts(index()) == {"embedded": 1}
    assert counts(index()) == {"touched": 1}
    assert counts(index()) == {"unchanged": 1}


def test_a_picture_that_goes_while_it_is_indexed_is_a_failure(
    index: Index, picture: MakePicture, monkeypatch: pytest.MonkeyPatch
) -> None:
    three(picture)
    real = decode.read_file

    def read_file(source: str, **options: Any) -> bytes:
        if source.endswith("red.png"):
            Path(source).unlink()
        return real(source, **options)

    with monkeypatch.context() as patch:
        patch.setattr(prepare, "read_file", read_file)
        assert counts(index()) == {"embedded": 2, "failures": 1}
    assert counts(index()) == {"unchanged": 2}


def test_items_removed_by_others_during_the_run_do_no_harm(
    collection: Collection, index: Index, picture: MakePicture, photos: Path
) -> None:
    """The only other item of a content, and an image whose captions are to change."""
    red = picture("red.png")
    red.with_suffix(".txt").write_text("old")
    picture("blue.png", "blue")
    index()
    red.with_suffix(".txt").write_text("new")
    shutil.copy(photos / "blue.png", photos / "copy.png")
    known = ids(collection)

    def during(done: int, total: int, failed: int) -> None:
        collection.store.remove(list(known.values()))

    report = collection.index([photos], progress=during)
    assert report.failures == []
    assert set(ids(collection)) == {"copy.png"}
    assert counts(index()) == {"copies": 1, "embedded": 1, "unchanged": 1}


def test_progress_ends_with_all_files(collection: Collection, picture: MakePicture) -> None:
    path = three(picture)[0].parent
    seen: list[tuple[int, int, int]] = []
    (path / "broken.png").touch()
    collection.index([path], progress=lambda *state: seen.append(state))
    assert seen[0] == (0, 4, 0)
    assert seen[-1] == (4, 4, 1)
