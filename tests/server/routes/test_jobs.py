"""`/v1/jobs`: work that is begun in the background, as it is listed, followed and cancelled."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from mmembed.collection.collection import Collection
from mmembed.collection.jobs.running_job import RunningJob
from mmembed.errors import StoreFull
from mmembed.server import event_streams
from mmembed.server.job_shapes import JobAnswer, WholeJobAnswer
from tests.serving import PATIENCE_S, add, error_of, eventually, serving

JSON = dict[str, Any]
UNKNOWN = "0" * 20
TAGGING = {"labels": ["red", "blue"], "label_set": "colours", "compete": True}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestClient, Collection]]:
    with serving(tmp_path_factory.mktemp("collection")) as (client, collection):
        for colour in ("red", "blue"):
            add(client, colour)
        yield client, collection


@pytest.fixture
def client(served: tuple[TestClient, Collection]) -> TestClient:
    return served[0]


@pytest.fixture
def gate(served: tuple[TestClient, Collection]) -> Iterator[threading.Event]:
    """Ends the jobs of `held`."""
    gate = threading.Event()
    yield gate
    gate.set()


def held(collection: Collection, gate: threading.Event) -> str:
    """The id of a job that goes on until the gate is open."""

    def work(job: RunningJob) -> bytes:
        for done in range(10**9):
            job.progress(done, 10**9, 0)
            if gate.wait(0.01):
                break
        return b'{"held": true}'

    return collection.begin_job("held", work).id


def done(client: TestClient, job_id: str) -> JSON:
    """The job, once it has ended."""
    until = time.monotonic() + PATIENCE_S
    while (job := client.get(f"/v1/jobs/{job_id}").json())["ended"] is None:
        assert time.monotonic() < until, job
        time.sleep(0.01)
    found: JSON = job
    return found


def begun(client: TestClient, method: str, path: str, **asked: Any) -> JSON:
    """The job that a request begins, once it has ended."""
    answer = client.request(method, path, **asked)
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == answer.json()["links"]["self"]
    assert JobAnswer.model_validate_json(answer.content, strict=True)
    return done(client, answer.json()["id"])


@pytest.mark.parametrize(
    ("method", "path", "where", "asked"),
    [
        ("POST", "/v1/tags/automatic", "json", {**TAGGING, "dry_run": True}),
        ("POST", "/v1/tags/check", "json", {"tags": []}),
        ("GET", "/v1/duplicates", "params", {"limit": 3}),
        ("GET", "/v1/clusters", "params", {"count": 2}),
        ("GET", "/v1/outliers", "params", {"k": 1}),
    ],
)
def test_the_result_is_the_answer_of_the_route(
    client: TestClient, method: str, path: str, where: str, asked: JSON
) -> None:
    parts: dict[str, Any] = {where: asked}
    at_once = client.request(method, path, **parts)
    job = begun(client, method, path, **{where: {**asked, "background": True}})
    assert job["state"] == "done"
    assert WholeJobAnswer.model_validate(job, strict=True)
    timed = ("took_ms", "seconds")
    assert {k: v for k, v in job["result"].items() if k not in timed} == {
        k: v for k, v in at_once.json().items() if k not in timed
    }


def test_the_error_is_that_of_the_route(client: TestClient) -> None:
    asked = {"label_set": "unknown"}
    at_once = client.post("/v1/tags/automatic", json=asked)
    job = begun(client, "POST", "/v1/tags/automatic", json={**asked, "background": True})
    assert (job["state"], job["result"]) == ("failed", None)
    assert job["error"] == at_once.json()["error"]
    wrong = {**TAGGING, "threshold": 2, "background": True}
    assert error_of(client.post("/v1/tags/automatic", json=wrong), 422)


def test_the_map_is_a_job_too(client: TestClient) -> None:
    answer = client.post("/v1/map", json={"method": "pca"})
    assert answer.status_code == 202
    assert set(answer.json()) == {"state", "phase", "done", "total", "error", "age_s", "map"}
    job = done(client, answer.headers["location"].rsplit("/", 1)[1])
    assert (job["kind"], job["state"], job["result"]) == ("map", "done", None)
    assert client.get("/v1/map/state").json()["state"] == "ready"


@pytest.mark.slow
def test_list_follow_and_cancel(
    served: tuple[TestClient, Collection], gate: threading.Event
) -> None:
    client, collection = served
    job_id = held(collection, gate)
    [job] = [job for job in client.get("/v1/jobs").json()["jobs"] if job["id"] == job_id]
    assert "result" not in job
    eventually(lambda: client.get(f"/v1/jobs/{job_id}").json()["state"] == "running")
    threading.Timer(0.7, lambda: client.delete(f"/v1/jobs/{job_id}")).start()
    answer = client.get(f"/v1/jobs/{job_id}/events")  # comes whole, as this client reads
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = answer.text.strip().split("\n\n")
    assert events[0] == "retry: 2000"
    assert events[1].startswith("id: 1\nevent: progress\ndata: {")
    assert 3 <= len(events) <= 6, "two a second, and the end"
    assert events[-1].startswith("id: end\nevent: end\ndata: {")
    assert '"state":"cancelled"' in events[-1]
    assert client.delete(f"/v1/jobs/{job_id}").json()["state"] == "cancelled"
    again = client.get(f"/v1/jobs/{job_id}/events", headers={"Last-Event-ID": "end"})
    assert (again.status_code, again.content) == (204, b"")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", ""), ("DELETE", ""), ("GET", "/events"), ("HEAD", "")]
)
def test_unknown_jobs(client: TestClient, method: str, path: str) -> None:
    for name in (UNKNOWN, "x", "é"):
        answer = client.request(method, f"/v1/jobs/{name}{path}")
        assert answer.status_code == 404
        if method != "HEAD":
            assert "the last 100 are kept" in error_of(answer, 404)


def test_streams_are_few(
    served: tuple[TestClient, Collection],
    gate: threading.Event,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client, collection = served
    job_id = held(collection, gate)
    monkeypatch.setattr(event_streams, "MOST", 0)
    answer = client.get(f"/v1/jobs/{job_id}/events")
    assert "streams of events are open" in error_of(answer, 429)
    assert answer.headers["retry-after"] == "5"


def test_a_full_disk_is_said_before_the_work_begins(
    served: tuple[TestClient, Collection], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, collection = served

    def refuse(*_: object) -> None:
        raise StoreFull("no room")

    monkeypatch.setattr(collection.store, "put_records", refuse)
    answer = client.post("/v1/tags/automatic", json={**TAGGING, "background": True})
    assert error_of(answer, 507) == "no room"


def test_folders_of_the_server_are_not_told(served: tuple[TestClient, Collection]) -> None:
    client, collection = served
    folder = collection.settings.data

    def fail(job: RunningJob) -> bytes:
        raise StoreFull(f"{folder}/catalog: no room")

    job = done(client, collection.begin_job("fail", fail).id)
    assert job["error"]["message"] == "the data folder/catalog: no room"


def test_an_empty_collection_has_jobs_too(tmp_path: Path) -> None:
    with serving(tmp_path) as (client, _):
        assert client.get("/v1/jobs").json() == {"jobs": []}
        job = begun(client, "GET", "/v1/duplicates", params={"background": True})
        assert (job["state"], job["result"]["total"]) == ("done", 0)
        job = begun(client, "POST", "/v1/tags/automatic", json={**TAGGING, "background": True})
        assert job["state"] in ("done", "failed")
