"""Folders that are indexed as jobs: progress, failures, cancelling and going on."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmembed.collection.collection import Collection
from mmembed.collection.jobs.job import Job
from mmembed.ingest import pipeline
from tests.conftest import MakePicture, OpenCollection
from tests.fake_encoder import FakeEncoder
from tests.serving import PATIENCE_S, eventually


@pytest.fixture
def collection(open_collection: OpenCollection, photos: Path) -> Collection:
    return open_collection(index_folders=(str(photos),), batch=1)


@pytest.fixture
def many(picture: MakePicture) -> int:
    """So many pictures in `photos`, one of which is broken."""
    for number in range(8):
        picture(f"{number}.png", "red", seed=number + 1)
    picture("9.png").write_bytes(b"no picture")
    return 9


def ended(collection: Collection, job: Job) -> Job:
    eventually(lambda: collection.job(job.id).is_ended)
    return collection.job(job.id)


def result(collection: Collection, job: Job) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(collection.job_result(job.id) or b"null")
    return found


def held(
    encoder: FakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> tuple[threading.Event, Callable[[], None]]:
    """An event that is set once a picture is to be embedded, and what lets it be embedded."""
    reached, gate = threading.Event(), threading.Event()
    real = encoder.embed_preprocessed

    def slowly(pixels: Any) -> Any:
        reached.set()
        assert gate.wait(PATIENCE_S)
        return real(pixels)

    monkeypatch.setattr(encoder, "embed_preprocessed", slowly)
    return reached, gate.set


def test_a_folder_is_indexed_and_failures_have_reasons(
    collection: Collection, photos: Path, many: int
) -> None:
    job = ended(collection, collection.begin_index(str(photos)))
    assert (job.state, job.kind, job.done, job.total, job.failed) == (
        "done",
        "index",
        many,
        many,
        1,
    )
    assert "9.png" in job.failures[0].message
    found = result(collection, job)
    assert (found["total"], found["embedded"], found["failed"]) == (9, 8, 1)
    again = ended(collection, collection.begin_index(str(photos)))
    assert result(collection, again)["unchanged"] == 8
    assert collection.count("image") == 8


def test_a_cancelled_indexing_keeps_what_is_done_and_goes_on(
    collection: Collection,
    photos: Path,
    many: int,
    encoder: FakeEncoder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pipeline, "COMMIT_IMAGES", 1)
    reached, let_go = held(encoder, monkeypatch)
    job = collection.begin_index(str(photos))
    assert reached.wait(PATIENCE_S)
    collection.cancel_job(job.id)
    let_go()
    assert ended(collection, job).state == "cancelled"
    kept = collection.count("image")
    assert 0 < kept < many - 1
    last = ended(collection, collection.begin_index(str(photos)))
    found = result(collection, last)
    assert (last.state, found["unchanged"], found["embedded"]) == ("done", kept, 8 - kept)


def test_cancelling_waits_for_one_batch_alone(
    collection: Collection,
    photos: Path,
    many: int,
    encoder: FakeEncoder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A group of pictures that are committed together may take a slow model a minute."""
    reached, let_go = held(encoder, monkeypatch)
    job = collection.begin_index(str(photos))
    assert reached.wait(PATIENCE_S)
    collection.cancel_job(job.id)
    let_go()
    found = ended(collection, job)
    assert (found.state, found.failed) == ("cancelled", 0)
    assert encoder.batches == [1]
    assert collection.count("image") == 0
    again = ended(collection, collection.begin_index(str(photos)))
    assert (again.state, collection.count("image")) == ("done", many - 1)


def test_it_ends_with_the_server(
    collection: Collection,
    photos: Path,
    many: int,
    encoder: FakeEncoder,
    monkeypatch: pytest.MonkeyPatch,
    open_collection: OpenCollection,
) -> None:
    monkeypatch.setattr(pipeline, "COMMIT_IMAGES", 1)
    reached, let_go = held(encoder, monkeypatch)
    job = collection.begin_index(str(photos))
    assert reached.wait(PATIENCE_S)
    threading.Timer(0.1, let_go).start()
    begun = time.monotonic()
    collection.close()
    assert time.monotonic() - begun < 5
    kept = open_collection().job(job.id)
    assert kept.state == "failed"
    assert "begin it again" in (kept.error.message if kept.error else "")


def test_an_empty_folder(collection: Collection, photos: Path) -> None:
    job = ended(collection, collection.begin_index(str(photos)))
    assert (job.state, result(collection, job)["total"]) == ("done", 0)


def test_a_second_indexing_waits(
    collection: Collection,
    photos: Path,
    many: int,
    encoder: FakeEncoder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reached, let_go = held(encoder, monkeypatch)
    first, second = (collection.begin_index(str(photos)) for _ in range(2))
    assert reached.wait(PATIENCE_S)
    assert collection.job(second.id).state == "queued"
    let_go()
    assert ended(collection, first).state == ended(collection, second).state == "done"
