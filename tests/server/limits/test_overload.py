"""More requests than can be answered: refused at once and cheaply, each kind in its own lane."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from benchmarks import overload
from mmembed.config.settings import Settings
from mmembed.errors import Overloaded
from mmembed.server.limits.lanes import Lane, Lanes, Pace
from mmembed.server.limits.per_client import Clients, trusted_proxies
from tests.fake_encoder import FakeEncoder
from tests.serving import (
    PATIENCE_S,
    Gate,
    connect,
    error_of,
    eventually,
    listening,
    open_collection,
)

TRIES = 3


class Slow(FakeEncoder):
    """Takes the same time for every batch."""

    def embed_texts(self, texts: Any) -> Any:
        time.sleep(0.1)
        return super().embed_texts(texts)


# -- lanes ---------------------------------------------------------------------------


def test_few_run_and_the_others_have_their_turns_in_order() -> None:
    async def run() -> None:
        lane = Lane(threads=2, places=4, max_wait_s=1)
        assert [lane.ask(), lane.ask()] == [None, None]
        assert (lane.free, lane.crowded) == (2, False)
        third, fourth = lane.ask(), lane.ask()
        assert third is not None
        assert fourth is not None
        assert (lane.free, lane.crowded) == (0, True)
        with pytest.raises(Overloaded, match="MMEMBED_MAX_QUEUE"):
            lane.ask()
        lane.leave()
        assert (third.done(), fourth.done()) == (True, False)
        lane.give_up(fourth)
        lane.leave()
        lane.leave()
        assert (lane.running, lane.waiting) == (0, 0)

    asyncio.run(run())


def test_who_leaves_in_the_moment_of_their_turn_gives_it_back() -> None:
    async def run() -> None:
        lane = Lane(threads=1, places=3, max_wait_s=1)
        lane.ask()
        second, third = lane.ask(), lane.ask()
        assert second is not None
        assert third is not None
        lane.leave()
        lane.give_up(second)
        assert third.done()
        assert lane.running == 1

    asyncio.run(run())


def test_no_more_wait_than_can_be_answered_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        lane = Lane(threads=4, places=1000, max_wait_s=0.5)
        monkeypatch.setattr(Pace, "per_s", 100.0)
        for _ in range(4 + 50):
            lane.ask()
        with pytest.raises(Overloaded) as refused:
            lane.ask()
        assert refused.value.retry_after == 1
        monkeypatch.setattr(Pace, "per_s", 0.01)  # however slow: as many as run
        assert lane.full
        for _ in range(47):
            lane.leave()
        assert (lane.running, lane.waiting) == (4, 3)
        lane.ask()
        with pytest.raises(Overloaded):
            lane.ask()

    asyncio.run(run())


@pytest.mark.parametrize("path", ["/v1/items/1/thumbnail", "/static/app.js"])
@pytest.mark.parametrize("pace", [None, 0.5])
def test_a_whole_page_may_wait_for_its_pictures(
    path: str, pace: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        monkeypatch.setattr(Pace, "per_s", pace)
        lane = Lanes(Settings()).of("GET", path)
        turns = []
        for _ in range(100):
            lane.check()
            turns.append(lane.ask())
        assert lane.running == lane.threads < 100
        assert lane.waiting == len([turn for turn in turns if turn is not None])
        assert lane.running + lane.waiting == 100

    asyncio.run(run())


def test_the_pace_is_that_of_the_last_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    pace = Pace(counted_at=now)
    assert pace.per_s is None
    for seconds, times in ((0.01, 500), (0.1, 200)):
        for _ in range(times):
            now += seconds
            pace.count()
        assert pace.per_s == pytest.approx(1 / seconds, rel=0.05)
    now += 1000
    pace.begin()  # a time without requests is not a slow one
    now += 0.1
    pace.count()
    assert pace.per_s == pytest.approx(10, rel=0.05)


def test_what_is_expected_counts_until_it_has_asked() -> None:
    async def run() -> None:
        lane = Lane(threads=1, places=2, max_wait_s=1)
        assert not lane.crowded
        assert [lane.expect() for _ in range(3)] == [True, True, False]
        await asyncio.sleep(0)
        assert lane.expect()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("method", "path", "lane"),
    [
        ("GET", "/v1/search", "models"),
        ("HEAD", "/v1/search/", "models"),
        ("POST", "/v1/search", "models"),
        ("POST", "/v1/items", "models"),
        ("PATCH", "/v1/items/1", "models"),
        ("POST", "/predict", "models"),
        ("POST", "/v2/embed", "models"),
        ("GET", "/v1/items", "readers"),
        ("DELETE", "/v1/items/1", "readers"),
        ("POST", "/v1/session", "readers"),
        ("GET", "/metrics", "readers"),
        ("GET", "/", "readers"),
        ("GET", "/v1/items/1/image", "pictures"),
        ("GET", "/v1/items/1/thumbnail", "pictures"),
    ],
)
def test_the_lane_of_a_request(method: str, path: str, lane: str) -> None:
    lanes = Lanes(Settings())
    assert lanes.of(method, path) is getattr(lanes, lane)


# -- clients -------------------------------------------------------------------------


def test_one_address_has_a_limit_but_this_machine_and_proxies_have_none() -> None:
    clients = Clients(2, trusted_proxies("127.0.0.1, 10.0.0.0/8,nonsense"))
    for exempt in ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "10.1.2.3", None, "socket"):
        group = clients.group(exempt)
        for _ in range(5):
            clients.take(group)
        assert not clients.full(group), exempt
    one, same, other = map(clients.group, ("2001:db8::1", "2001:db8::2:3", "2001:db8:1::1"))
    clients.take(one)
    clients.take(same)
    assert clients.full(one)
    assert not clients.full(other)
    clients.give_back(one)
    assert not clients.full(same)
    assert not Clients(0).full(Clients(0).group("192.0.2.1"))


@pytest.mark.slow
def test_one_caller_behind_a_proxy_leaves_room_for_others(tmp_path: Path) -> None:
    gate = Gate()
    collection = open_collection(tmp_path, gate, max_per_client=2)
    with (
        listening(collection) as address,
        httpx.Client(timeout=PATIENCE_S) as client,
        ExitStack() as stack,
    ):
        assert client.get(f"{address}/v1/search?q=warm").status_code == 200
        gate.close()
        lines = []
        for number in range(2):  # one by one: else the model might take both at once
            line = stack.enter_context(closing(connect(address)))
            line.sendall(
                b"GET /v1/search?q=red+%d HTTP/1.1\r\nHost: localhost\r\n"
                b"X-Forwarded-For: 192.0.2.7\r\n\r\n" % number
            )
            lines.append(line)
            eventually(
                lambda: gate.reached.is_set() and collection.embedder.waiting == len(lines) - 1
            )
        greedy = {"X-Forwarded-For": "192.0.2.7"}
        refused = client.get(f"{address}/v1/items", headers=greedy)
        assert "MMEMBED_MAX_PER_CLIENT" in error_of(refused, 429)
        for others in ({"X-Forwarded-For": "192.0.2.8"}, {}):
            assert client.get(f"{address}/v1/items", headers=others).status_code == 200
        gate.open.set()
        for line in lines:
            assert line.recv(12) == b"HTTP/1.1 200"


# -- refusals ------------------------------------------------------------------------


@contextmanager
def full(folder: Path) -> Iterator[str]:
    """A server that has room for no more searches."""
    gate = Gate()
    collection = open_collection(folder, gate, max_queue=1)
    with listening(collection) as address:
        assert httpx.get(f"{address}/v1/search?q=warm", timeout=PATIENCE_S).status_code == 200
        gate.close()
        line = connect(address)
        line.sendall(b"GET /v1/search?q=red HTTP/1.1\r\nHost: localhost\r\n\r\n")
        eventually(gate.reached.is_set)
        try:
            yield address
        finally:
            gate.open.set()
            line.close()


@pytest.mark.slow
def test_a_refusal_is_the_same_made_early_or_late(tmp_path: Path) -> None:
    """With `Expect`, a request takes the long way."""
    with full(tmp_path) as address, httpx.Client(timeout=PATIENCE_S) as client:
        early, late = (
            client.post(f"{address}/v1/search", json={"q": "red"}, headers=headers)
            for headers in ({"X-Request-Id": "abc"}, {"X-Request-Id": "abc", "Upgrade": "x"})
        )
        assert (early.status_code, late.status_code) == (429, 429)
        assert early.json() == late.json()
        assert set(early.headers) == set(late.headers)
        for name in set(late.headers) - {"date"}:
            assert early.headers[name] == late.headers[name]
        own = client.get(f"{address}/v1/search?q=red").headers["x-request-id"]
        assert re.fullmatch("[0-9a-f]{16}", own)
        metrics = client.get(f"{address}/metrics").text
        assert re.search(r'requests_total{method="POST",route="other",status="429"} 2', metrics)


@pytest.mark.slow
def test_what_needs_no_model_is_answered_all_the_same(tmp_path: Path) -> None:
    with full(tmp_path) as address, httpx.Client(timeout=PATIENCE_S) as client:
        for path in ("/", "/static/app.js", "/v1/items", "/v1/models", "/metrics"):
            assert client.get(f"{address}{path}").status_code == 200, path
        for _ in range(50):
            refused = client.post(f"{address}/v1/search", json={"q": "x" * 5000})
            assert refused.status_code == 429
            assert int(refused.headers["retry-after"]) >= 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "head",
    [
        b"Host: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n",
        b"Host: localhost\r\nContent-Length : 2\r\n",
        b"Host: localhost\r\nContent-Length: +2\r\n",
        b"Host: localhost\r\n Content-Length: 2\r\n",
        b"Host: localhost\nContent-Length: 2\n",
    ],
)
def test_a_head_that_can_be_read_in_two_ways_is_not_refused_early(
    tmp_path: Path, head: bytes
) -> None:
    """A proxy that read it the other way would take the body for the next request."""
    with full(tmp_path) as address:
        line = connect(address)
        line.sendall(b"POST /v1/search HTTP/1.1\r\n" + head + b"Connection: close\r\n\r\n{}")
        answer = b"".join(iter(lambda: line.recv(65536), b""))
        line.close()
    assert answer.count(b"HTTP/1.1 ") == 1


# -- ten times the capacity ----------------------------------------------------------


@pytest.mark.slow
def test_a_server_under_ten_times_its_capacity_does_as_much_as_before(tmp_path: Path) -> None:
    collection = open_collection(tmp_path, Slow(), batch=4, max_wait=0.3)
    with listening(collection) as address:
        for _ in range(TRIES):  # what else the machine does counts, too
            found = overload.measure(address, "search", clients=8, times=10, seconds=2)
            if found.goodput > 0.8 and found.good_ms[1] < 10 * found.calm_ms[1]:
                break
        else:
            raise AssertionError(found)
    assert set(found.answers) <= {200, 429, -1}
    assert found.answers.get(429, 0) > found.answers[200]
