"""Jobs of two real servers of one database: followed and cancelled at the other one; a server dies,
and the database goes away."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import numpy as np
import pytest
from PIL import Image

from mmembed.collection.jobs.job_records import LEASE_S
from tests.many_servers import two_servers
from tests.postgres_server import stoppable
from tests.serving import Process, eventually

pytestmark = pytest.mark.scale
Json = dict[str, Any]
COUNT = 40


@pytest.fixture
def database() -> Iterator[tuple[str, Callable[[], None], Callable[[], None]]]:
    """Its address, and what stops and starts its server."""
    with stoppable() as database:
        yield database


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    noise = np.random.default_rng(1).integers(0, 255, (COUNT, 16, 16, 3), np.uint8)
    for number, pixels in enumerate(noise):
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def servers(
    database: tuple[str, Callable[[], None], Callable[[], None]], tmp_path: Path, photos: Path
) -> Iterator[list[Process]]:
    """An indexing of the photos takes some ten seconds at either."""
    slow = {"SECONDS_A_BATCH": "0.2", "MMEMBED_BATCH": "1"}
    with two_servers(database[0], tmp_path, MMEMBED_INDEX_FOLDERS=str(photos), **slow) as servers:
        yield servers


def begun(server: Process, photos: Path) -> str:
    """The id of a job that indexes the photos, once it runs."""
    sent = {"kind": "index", "folder": str(photos)}
    answer = httpx.post(f"{server.address}/v1/jobs", json=sent, timeout=30)
    assert answer.status_code == 202, answer.text
    job_id = str(answer.json()["id"])
    eventually(lambda: job(server, job_id)["phase"] == "pictures")
    return job_id


def job(server: Process, job_id: str) -> Json:
    found: Json = httpx.get(f"{server.address}/v1/jobs/{job_id}", timeout=30).json()
    return found


def images(server: Process) -> int:
    return int(httpx.get(f"{server.address}/health", timeout=30).json()["images"])


def end_of(server: Process, job_id: str) -> Json:
    """What the last event says of a job."""
    address = f"{server.address}/v1/jobs/{job_id}/events"
    with httpx.stream("GET", address, timeout=60) as events:
        lines = list(events.iter_lines())
    last = lines.index("event: end")
    found: Json = json.loads(lines[last + 1].removeprefix("data: "))
    return found


def test_it_is_cancelled_at_the_other(servers: list[Process], photos: Path) -> None:
    one, other = servers
    job_id = begun(one, photos)
    eventually(lambda: job(other, job_id)["state"] == "running")
    asked = httpx.delete(f"{other.address}/v1/jobs/{job_id}", timeout=30).json()
    assert (asked["state"], asked["cancelling"]) == ("running", True)
    assert end_of(other, job_id)["state"] == "cancelled"
    assert job(one, job_id)["state"] == "cancelled"
    assert images(one) < COUNT


def test_it_has_failed_when_its_server_was_killed(servers: list[Process], photos: Path) -> None:
    one, other = servers
    job_id = begun(one, photos)
    eventually(lambda: job(other, job_id)["state"] == "running")
    one.end(signal.SIGKILL)
    killed = time.monotonic()
    end = end_of(other, job_id)
    assert time.monotonic() - killed < LEASE_S + 5
    assert (end["state"], end["error"]["type"]) == ("failed", "Abandoned")
    assert end["error"]["message"].startswith("its server ended")
    assert end_of(other, begun(other, photos))["state"] == "done"
    assert images(other) == COUNT


def test_it_ends_with_its_server(servers: list[Process], photos: Path) -> None:
    one, other = servers
    job_id = begun(one, photos)
    began = time.monotonic()
    assert one.end()[0] == 0
    assert time.monotonic() - began < 30
    assert job(other, job_id)["error"]["message"].startswith("its server ended")


def test_it_goes_on_when_the_database_was_away(
    servers: list[Process],
    photos: Path,
    database: tuple[str, Callable[[], None], Callable[[], None]],
) -> None:
    """No server says meanwhile, or afterwards, that it has failed."""
    _, stop, start = database
    one, other = servers
    job_id = begun(one, photos)
    stop()
    with httpx.stream("GET", f"{one.address}/v1/jobs/{job_id}/events", timeout=90) as events:
        time.sleep(LEASE_S + 3)
        assert httpx.get(f"{other.address}/v1/jobs/{job_id}", timeout=30).status_code == 503
        start()
        eventually(lambda: "state" in job(other, job_id))
        assert job(other, job_id)["state"] in ("queued", "running")  # as it was 3 s before
        *_, last = [line for line in events.iter_lines() if line.startswith("event")]
    assert last == "event: end"
    eventually(lambda: job(other, job_id)["state"] == "done")
    assert images(other) == COUNT
