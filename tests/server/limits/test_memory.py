"""The whole server stays within its memory, whatever comes, and goes on answering."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import pytest

from benchmarks import server_memory
from benchmarks.server_memory import Found, Watch, hostile_bodies, hostile_pictures, send_all
from tests.serving import FAKE, ROOT, Process, picture

pytestmark = pytest.mark.slow

MOST_BYTES = 650_000_000
"""Beside what a server takes that has done nothing; the built-in model takes 340 MB more."""
ANSWERS_WITHIN_S = 20
"""Other routes, on a machine that does much else."""
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Process]:
    with Process(FAKE, "--data", str(tmp_path / "data"), "--model", "fake") as one:
        yield one


@linux_only
def test_many_pictures_that_are_large_once_decoded(server: Process) -> None:
    with Watch(server.address, server.child.pid) as watch:
        found = send_all(hostile_pictures(times=6), server.address)
    assert set(found) <= {201, 413, 422, 429}, found
    assert watch.grown < MOST_BYTES
    assert watch.longest < ANSWERS_WITHIN_S


@linux_only
def test_bodies_that_are_large_once_read(server: Process) -> None:
    with Watch(server.address, server.child.pid) as watch:
        found = send_all(hostile_bodies(8_000_000), server.address)
    assert set(found) <= {404, 413, 415, 422, 429}, found
    assert watch.grown < MOST_BYTES
    assert watch.longest < ANSWERS_WITHIN_S
    good = httpx.post(f"{server.address}/v1/items", files={"image": picture()}, timeout=60)
    assert good.status_code == 201


def test_the_benchmark_fails_beyond_what_is_promised(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    promised = (ROOT / "docs" / "settings.md").read_text()
    assert f"stays below {server_memory.BUDGET // 10**9} GB" in promised
    for peak, answers, status in (
        (999_000_000, {201: 40, 429: 3}, 0),
        (1_001_000_000, {201: 40}, 1),
        (700_000_000, {201: 39, 500: 1}, 1),
    ):
        found = Found(200_000_000, peak, 0.5, Counter(answers))
        monkeypatch.setattr(server_memory, "measure", lambda *_, found=found: found)
        assert server_memory.main([]) == status
        printed = capsys.readouterr()
        assert f"| {peak // 10**6} " in printed.out
        assert bool(printed.err) is bool(status)
