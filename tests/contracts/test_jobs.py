"""Jobs on any store: what one collection begins, another one of the store sees and cancels."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from mmembed.collection.collection import Collection
from mmembed.collection.jobs.job_records import MOST_KEPT
from mmembed.collection.jobs.registry import JobRegistry
from mmembed.collection.jobs.running_job import RunningJob
from mmembed.store.record_protocol import JOBS
from tests.serving import eventually

MakePicture = Callable[..., Path]


def test_a_job_is_seen_and_cancelled_from_another_server(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmembed.collection.jobs.live_jobs.BEAT_S", 0.05)

    gate = threading.Event()

    def work(job: RunningJob) -> bytes:
        while not gate.wait(0.005):
            job.progress(1, 2, 0)
        return b"1"

    other = JobRegistry(collection.store)
    first, second = collection.begin_job("a", work), collection.begin_job("a", lambda job: b"[2]")
    assert [job.id for job in other.all()] == [second.id, first.id]
    assert {job.state for job in other.all()} <= {"queued", "running"}
    other.cancel(first.id)  # heeded with the next sign of life, within seconds
    eventually(lambda: collection.job(second.id).is_ended)
    eventually(lambda: other.find(second.id).state == "done")
    assert other.find(first.id).state == "cancelled"
    assert json.loads(other.result(second.id) or b"") == [2]
    assert other.result(first.id) is None


def test_few_are_kept(collection: Collection) -> None:
    for _ in range(5):
        done = collection.begin_job("a", lambda job: b"1").id
    eventually(lambda: JobRegistry(collection.store).find(done).is_ended)
    record = collection.store.record(JOBS, done)
    assert record is not None
    many = {f"{number:020x}": record.replace(done.encode(), b"%020x" % number)
            for number in range(150)}  # fmt: skip
    collection.store.put_records(JOBS, many)
    last = collection.begin_job("a", lambda job: b"1").id
    assert len(collection.store.records(JOBS)) == MOST_KEPT + 1
    assert collection.jobs()[0].id == last


def test_a_map_is_a_job(collection: Collection, picture: MakePicture, photos: Path) -> None:
    for colour in ("red", "blue", "green"):
        picture(f"{colour}.png", colour)
    collection.index([photos], progress=lambda *_: None)
    state = collection.begin_map(method="pca")
    assert state.job_id is not None
    eventually(lambda: collection.job(state.job_id or "").is_ended)
    job = collection.job(state.job_id)
    assert (job.kind, job.state, job.error) == ("map", "done", None)
    assert (collection.map().pictures, collection.map_state().making) == (3, False)
