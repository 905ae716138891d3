"""Streams of events of real servers: they end with their listeners, their jobs and the server."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from mmembed.collection.collection import Collection
from mmembed.collection.jobs.running_job import RunningJob
from mmembed.errors import StoreAway
from mmembed.server import event_streams
from tests.serving import PATIENCE_S, connect, eventually, listening, open_collection

pytestmark = pytest.mark.slow


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    return open_collection(tmp_path)


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    gate = threading.Event()
    yield gate
    gate.set()


@pytest.fixture
def job_id(collection: Collection, gate: threading.Event) -> str:
    def work(job: RunningJob) -> bytes:
        for done in range(10**9):
            job.progress(done, 10**9, 0)
            if gate.wait(0.01):
                break
        return b"1"

    return collection.begin_job("held", work).id


class Listener:
    """One stream of a server."""

    def __init__(self, address: str, job_id: str) -> None:
        self.connection = http.client.HTTPConnection(address.split("//")[1], timeout=PATIENCE_S)
        self.connection.request("GET", f"/v1/jobs/{job_id}/events")
        self.answer = self.connection.getresponse()

    def events(self) -> list[tuple[str, Any]]:
        """All events until the stream ends."""
        found = []
        for event in self.answer.read().decode().split("\n\n"):
            fields = dict(line.split(": ", 1) for line in event.splitlines() if ": " in line)
            if "event" in fields:
                found.append((fields["event"], json.loads(fields["data"])))
        return found

    def close(self) -> None:
        """Leave, whether the stream has ended or not."""
        self.answer.close()
        self.connection.close()


Listen: TypeAlias = Callable[[str, str], Listener]


@pytest.fixture
def listen() -> Iterator[Listen]:
    """Makes listeners, which leave at the end."""
    with ExitStack() as listeners:
        yield lambda address, job_id: listeners.enter_context(closing(Listener(address, job_id)))


def test_many_follow_a_job_to_its_end(
    collection: Collection, job_id: str, gate: threading.Event, listen: Listen
) -> None:
    with listening(collection) as address:
        listeners = [listen(address, job_id) for _ in range(5)]
        threading.Timer(1.2, gate.set).start()
        for listener in listeners:
            events = listener.events()
            assert [kind for kind, _ in events][-2:] == ["progress", "end"]
            assert 2 <= len(events) <= 6
            done = [job["done"] for _, job in events]
            assert done == sorted(done)
            assert events[-1][1]["state"] == "done"


def test_listeners_that_leave_or_never_read_hold_nothing_up(
    collection: Collection,
    job_id: str,
    gate: threading.Event,
    monkeypatch: pytest.MonkeyPatch,
    listen: Listen,
) -> None:
    monkeypatch.setattr(event_streams, "MOST", 3)
    monkeypatch.setattr(event_streams, "PACE_S", 0.01)
    with listening(collection) as address:
        deaf = connect(address, room=2048)
        deaf.sendall(f"GET /v1/jobs/{job_id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        for _ in range(4):
            leaving = listen(address, job_id)
            assert leaving.answer.status == 200
            leaving.answer.readline()
            leaving.close()
            time.sleep(0.2)
        listener = listen(address, job_id)
        assert listener.answer.status == 200, "those who left gave their places back"
        gate.set()
        assert listener.events()[-1][0] == "end"
        deaf.close()


def test_the_end_of_the_server_ends_streams_at_once(
    collection: Collection, job_id: str, listen: Listen
) -> None:
    with listening(collection) as address:
        listener = listen(address, job_id)
        begun = time.monotonic()
    assert time.monotonic() - begun < 5
    assert [kind for kind, _ in listener.events()][-1:] != ["end"], "so that a browser comes back"


def test_a_store_that_is_away_for_a_while_ends_no_stream(
    collection: Collection,
    job_id: str,
    gate: threading.Event,
    monkeypatch: pytest.MonkeyPatch,
    listen: Listen,
) -> None:
    monkeypatch.setattr(event_streams, "PACE_S", 0.01)
    real, away = collection.job, threading.Event()

    def read(job_id: str) -> Any:
        if away.is_set():
            raise StoreAway("away")
        return real(job_id)

    monkeypatch.setattr(collection, "job", read)
    with listening(collection) as address:
        listener = listen(address, job_id)
        away.set()
        time.sleep(0.1)
        away.clear()
        gate.set()
        eventually(lambda: real(job_id).is_ended)
        assert listener.events()[-1][0] == "end"
