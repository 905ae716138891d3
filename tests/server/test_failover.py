"""The primary of two databases is lost under load: what was acknowledged is at its standby, and
servers that know both addresses go on."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from hashlib import sha256
from itertools import count
from pathlib import Path

import httpx2 as httpx
import numpy as np
import pytest

from mmembed.errors import StoreAway
from tests.forked_commands import forks_in
from tests.many_servers import asking, await_more, two_servers
from tests.postgres_pair import Pair, primary_and_standby
from tests.serving import PATIENCE_S, Process, data_uri, eventually, picture
from tests.small_pictures import many

pytest.importorskip("psycopg", reason="psycopg is not installed: pip install mmembed[postgres]")

from mmembed.store.entries import CaptionEntry, Model
from mmembed.store.postgres.postgres_store import PostgresStore

pytestmark = pytest.mark.scale
COLOURS = ("red", "green", "blue", "yellow")
PAUSE_S = 0.05
CANCEL_SQL = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"

Answer = tuple[int, int, str]
"""Status, and the id and sha256 of the item, if it was acknowledged."""


@pytest.fixture
def pair() -> Iterator[Pair]:
    with primary_and_standby() as pair:
        yield pair


def writer(server: Process, number: int) -> Callable[[], Answer]:
    """Adds a new picture at each call."""
    turns = count()

    def write() -> Answer:
        turn = next(turns)
        data = picture(COLOURS[number], (32 + turn % 64, 32 + turn // 64))
        answer = httpx.post(
            f"{server.address}/v1/items", json={"image": data_uri(data)}, timeout=60
        )
        if answer.status_code == 201:
            return 201, int(answer.json()["id"]), sha256(data).hexdigest()
        time.sleep(PAUSE_S)
        return answer.status_code, 0, ""

    return write


def test_what_was_acknowledged_outlives_the_primary(pair: Pair, tmp_path: Path) -> None:
    with two_servers(pair.address, tmp_path) as servers:
        writers = [writer(servers[number % 2], number) for number in range(len(COLOURS))]
        with asking(writers) as answers:
            await_more(answers, random.randint(20, 120))
            pair.primary.kill()
            pair.standby.promote()
            eventually(lambda: all(map(is_ready, servers)))
            await_more(answers, 60)
        assert {status for status, *_ in answers} <= {201, 503}
        assert [status for status, *_ in answers[-40:]] == [201] * 40
        acknowledged = {item: content for status, item, content in answers if status == 201}
        for server in servers:
            found = httpx.get(f"{server.address}/v1/search?q=red&k=200", timeout=60).json()
            assert {hit["id"] for hit in found["hits"]} & set(acknowledged)
    with closing(PostgresStore(pair.standby_address, tmp_path, exact_limit=9_999)) as store:
        items = store.items(sorted(acknowledged))
        assert {item.id: item.sha256 for item in items} == acknowledged
        assert store.check() == []


def is_ready(server: Process) -> bool:
    return httpx.get(f"{server.address}/ready", timeout=60).status_code == 200


def test_workers_go_on_at_the_standby(pair: Pair, tmp_path: Path) -> None:
    photos = many(tmp_path / "photos", 300)
    ours = ("--store", pair.address, "--data", tmp_path / "data", "--model", "fake")
    with forks_in(tmp_path) as forks:
        assert forks.start("index", photos, "--plan-only", *ours).wait() == 0
        workers = [forks.start("work", *ours, seconds=0.01, commit=4, lease=2) for _ in range(2)]
        with closing(PostgresStore(pair.address, tmp_path, exact_limit=9_999)) as store:
            target = random.randint(20, 150)
            eventually(lambda: store.count("image") >= target)
            pair.primary.kill()
            pair.standby.promote()
            assert [worker.wait() for worker in workers] == [0, 0], workers[0].said
            paths = [item.path for item in store.page(after=0, limit=999, kind="image")]
            assert set(paths) == set(map(str, photos.rglob("*.png")))
            assert len(paths) == 300
            assert store.pieces.progress().is_all_done
            assert store.check() == []


def test_a_change_without_its_standby_is_not_acknowledged(pair: Pair, tmp_path: Path) -> None:
    """Even if someone ends PostgreSQL's wait for it, and the change is kept."""
    with closing(PostgresStore(pair.address, tmp_path, exact_limit=9_999)) as store:
        store.claim(Model("four", "fingerprint-of-four", 4))
        pair.standby.kill()
        with ThreadPoolExecutor() as threads:
            writing = threads.submit(
                store.write_caption, CaptionEntry("a dog", np.ones(4, np.float32)), ["dog"]
            )
            eventually(lambda: pair.primary.rows(CANCEL_SQL) == [(True,)])
            with pytest.raises(StoreAway, match="alone, since the wait for its standby was ended"):
                writing.result(PATIENCE_S)
