"""A process that is lost between two commits of one change: the first shard tells that it is to be
repeated, and the repetition completes it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmembed.config.store_address import addresses_of
from mmembed.store.entries import ImageEntry, Model
from mmembed.store.shards.together import ChangesTogether
from mmembed.types import Failure
from tests.postgres_server import address
from tests.serving import ROOT
from tests.temporary_postgres import drop_schema

MODEL = Model("four", "fingerprint-of-four", 4)
COUNT = 12
PROGRAM = """
import os, signal, sys
from pathlib import Path
from mmembed.store.shards.together import ChangesTogether
from tests.store.shards.test_lost_between_commits import opened, written
ChangesTogether.kept = lambda self, place: place and os.kill(os.getpid(), signal.SIGKILL)
written(opened(sys.argv[1], Path(sys.argv[2])))
"""


def test_the_first_change_is_kept_last_and_only_after_the_others() -> None:
    together, kept = ChangesTogether(3), []

    def change(place: int) -> None:
        together.await_turn(place)
        together.locked(place)
        together.await_commit(place)
        kept.append(place)
        together.kept(place)

    threads = [threading.Thread(target=change, args=(place,)) for place in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert kept[-1] == 0
    assert sorted(kept) == [0, 1, 2]


def test_the_first_change_is_not_kept_where_another_commit_fails() -> None:
    together = ChangesTogether(2)

    def lost() -> None:
        together.await_turn(1)
        together.locked(1)
        together.await_commit(1)
        together.fail()  # its database was lost at the commit

    thread = threading.Thread(target=lost)
    thread.start()
    together.await_turn(0)
    together.locked(0)
    with pytest.raises(threading.BrokenBarrierError):
        together.await_commit(0)
    thread.join()


def opened(addresses: str, folder: Path) -> Any:
    from mmembed.store.shards.sharded_store import ShardedStore

    return ShardedStore(addresses_of(addresses), folder, exact_limit=9_000)


def written(store: Any) -> None:
    rows = np.eye(4, dtype=np.float32)[np.arange(COUNT) % 4]
    entries = [
        ImageEntry(f"/{n}", f"{n:064x}", row, 1, 1, 1, "PNG", 7) for n, row in enumerate(rows)
    ]
    store.write(entries, [Failure("/broken", "image", "cannot be read")])


@pytest.fixture
def addresses(tmp_path: Path) -> Iterator[str]:
    both = f"{address()},{address()}"
    yield both
    with closing(opened(both, tmp_path)) as store:
        for door in store.doors:
            drop_schema(door.shard().connections)


@pytest.mark.scale
def test_a_change_whose_process_was_killed_is_completed_by_a_repetition(
    addresses: str, tmp_path: Path
) -> None:
    with closing(opened(addresses, tmp_path)) as store:
        store.claim(MODEL)
    ours = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", PROGRAM, addresses, str(tmp_path)]
    assert subprocess.run(command, env=ours, cwd=ROOT).returncode == -signal.SIGKILL
    with closing(opened(addresses, tmp_path)) as store:
        parts = [door.ask(lambda shard: shard.count()) for door in store.doors]
        assert parts[0] == 0
        assert 0 < parts[1] < COUNT
        assert store.failures() == []
        assert store.check() == []
        written(store)
        assert (store.count(), len(store.failures())) == (COUNT, 1)
        assert store.check() == []
