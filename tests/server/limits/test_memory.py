"""The whole server stays within its memory, whatever comes, and goes on answering."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2 as httpx
import pytest

from tests.hostile import bodies, pictures
from tests.serving import Process, picture

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

FAKE = (sys.executable, "-m", "tests.fake_mmembed")
MOST_BYTES = 650_000_000
"""Beside what a server takes that has done nothing; the built-in model takes 340 MB more."""
AT_ONCE = 40
ANSWERS_WITHIN_S = 20
"""Other routes, on a machine that does much else."""


def memory_of(server: Process, name: str) -> int:
    lines = Path(f"/proc/{server.child.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Process]:
    with Process(FAKE, "--data", str(tmp_path / "data"), "--model", "fake") as one:
        yield one


class Watch:
    """Asks for something cheap all the time."""

    def __init__(self, server: Process) -> None:
        self.before = memory_of(server, "VmRSS")
        self.longest = 0.0
        self.asked = 0
        self._server = server
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        with httpx.Client(timeout=120) as client:
            while not self._end.wait(0.1):
                started = time.monotonic()
                assert client.get(f"{self._server.address}/v1/items").status_code == 200
                self.longest = max(self.longest, time.monotonic() - started)
                self.asked += 1

    @property
    def grown(self) -> int:
        return memory_of(self._server, "VmHWM") - self.before


def send_all(sends: list[Callable[[httpx.Client], httpx.Response]], address: str) -> list[int]:
    with httpx.Client(base_url=address, timeout=300) as client, ThreadPoolExecutor(AT_ONCE) as many:
        return list(many.map(lambda send: send(client).status_code, sends))


def upload(name: str, data: bytes) -> Callable[[httpx.Client], httpx.Response]:
    return lambda client: client.post("/v1/items", files={"image": (name, data)})


def post(route: str, body: bytes) -> Callable[[httpx.Client], httpx.Response]:
    headers = {"Content-Type": "application/json"}
    return lambda client: client.post(route, content=body, headers=headers)


def test_many_pictures_that_are_large_once_decoded(server: Process) -> None:
    hostile = dict(pictures())
    sends = [upload(name, data) for name, data in hostile.items()]
    sends += [upload(name, hostile[name]) for name in ("whole.jp2", "halved.jp2", "alpha.png")] * 6
    with Watch(server) as watch:
        found = send_all(sends, server.address)
    assert set(found) <= {201, 413, 422, 429}, found
    assert watch.grown < MOST_BYTES
    assert watch.longest < ANSWERS_WITHIN_S


def test_bodies_that_are_large_once_read(server: Process) -> None:
    sends = [post(route, body) for _, route, body in bodies()]
    with Watch(server) as watch:
        found = send_all(sends, server.address)
    assert set(found) <= {404, 413, 415, 422, 429}, found
    assert watch.grown < MOST_BYTES
    assert watch.longest < ANSWERS_WITHIN_S
    good = httpx.post(f"{server.address}/v1/items", files={"image": picture()}, timeout=60)
    assert good.status_code == 201
