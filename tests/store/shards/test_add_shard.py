"""A database is added while the collection is searched and changed; a killed command goes on."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmembed.config.store_address import Address, address_of
from mmembed.errors import StoreBusy, StoreError
from mmembed.filters.tree import Test as Condition
from mmembed.store.entries import CaptionEntry, ImageEntry, Model
from tests.forked_commands import forks_in, until
from tests.postgres_server import address
from tests.temporary_postgres import drop_schema

pytestmark = pytest.mark.scale
DIM, COUNT = 8, 240
KILLS = 6
MODEL = Model("small", "fingerprint-of-small", DIM)
ROWS = np.random.default_rng(7).normal(size=(COUNT, DIM)).astype(np.float32)


class Killed(BaseException):
    """What ends a command at once."""


@pytest.fixture
def addresses() -> Iterator[list[Address]]:
    """Of three empty databases."""
    found = [address_of(address()) for _ in range(3)]
    yield found
    from mmembed.store.postgres.connections import DatabaseConnections

    for one in found:
        with closing(DatabaseConnections(one)) as connections:
            drop_schema(connections)


def opened(folder: Path, addresses: list[Address]) -> Any:
    from mmembed.store.shards.sharded_store import ShardedStore

    return ShardedStore(addresses, folder, exact_limit=9_000)


def alone(folder: Path, at: Address) -> Any:
    from mmembed.store.postgres.postgres_store import PostgresStore

    return PostgresStore(spelt(at), folder, exact_limit=9_000)


def spelt(at: Address) -> str:
    """The address as a command takes it."""
    joint = "&" if "?" in at.connect else "?"
    return f"{at.connect}{joint}schema={at.schema}"


def fill(store: Any) -> list[int]:
    store.claim(MODEL)
    ids: list[int] = store.write(
        [
            ImageEntry(
                f"/{n}.jpg", f"{n * 7919:064x}", row, 1, 1, 1, "PNG", 7, mark=(1, 2, n),
                captions=(CaptionEntry(f"picture {n}", row[::-1].copy()),), tags=(f"t{n % 9}",),
                hashes=b"%d" % n,
            )
            for n, row in enumerate(ROWS)
        ]
    )  # fmt: skip
    for n in range(20):
        store.write_caption(CaptionEntry(f"alone {n}", ROWS[n]), ["said"])
    store.replace_automatic_tags("set", [(one, f"t{one % 7}", one / 1000) for one in ids[::2]])
    store.put_records("map", {"all": b"places"})
    return ids


def answers(store: Any) -> Any:
    """What does not depend on where items are."""
    query = ROWS[5] / np.linalg.norm(ROWS[5])
    found = [
        [(item.id, score) for item, score in store.search(query, 300, kind=kind).hits]
        for kind in ("image", "caption")
    ]
    words = store.match_words("picture", 300)
    items = store.page(after=0, limit=999, kind=None)
    known = store.known_files()
    automatic = store.automatic_tags_of([item.id for item in items])
    models = automatic, list(store.all_image_hashes(100)), store.records("map")
    return found, words.item_ids.tolist(), items, store.count(), store.tags(), known, models


def move(store: Any) -> int:
    moved: int = store.move_to_last(lambda *_: None, 0.3)
    return moved


def add(folder: Path, addresses: list[Address], wait_s: float = 0.0) -> Any:
    """The store with the last of the databases, to which nothing has moved yet."""
    from mmembed.store.shards.add_shard import await_others, join_shard

    join_shard(addresses)
    store = opened(folder, addresses)
    try:
        model = store.model()
        assert model is not None
        store.claim(model)
        await_others(store, lambda others: None, wait_s)
    except BaseException:
        store.close()
        raise
    return store


def test_items_move_from_one_database_and_from_two(
    addresses: list[Address], tmp_path: Path
) -> None:
    with closing(alone(tmp_path, addresses[0])) as store:
        fill(store)
        before, identity = answers(store), store.identity
    for count in (2, 3):
        with closing(add(tmp_path, addresses[:count])) as store:
            assert store.identity == identity
            moved = move(store)
            assert 0.6 * 260 / count < moved < 1.4 * 260 / count
            assert answers(store) == before
            assert store.check() == []
            parts = [door.ask(lambda shard: shard.count("image")) for door in store.doors]
            assert min(parts) > 0.6 * COUNT / count
            assert move(store) == 0
            [new] = store.write([ImageEntry("/new", "new", ROWS[0], 1, 1, 1, "PNG", 7)])
            assert new > max(item.id for item in before[2])
            store.remove([new])


def test_searches_and_changes_go_on(addresses: list[Address], tmp_path: Path) -> None:
    with closing(opened(tmp_path, addresses[:2])) as store:
        ids = fill(store)
    ending = threading.Event()
    wrong: list[str] = []
    query = ROWS[3] / np.linalg.norm(ROWS[3])

    def search(store: Any) -> None:
        while not ending.is_set():
            found = [item.id for item, _ in store.search(query, 300, kind="image").hits]
            if sorted(found) != ids:
                wrong.append(f"{len(found)} found, {len(set(found))} of them different")

    def change(store: Any) -> None:
        turn = 0
        while not ending.is_set():
            turn += 1
            store.update(ids[turn % COUNT], tags=[f"turn {turn}"])
            said[ids[turn % COUNT]] = f"turn {turn}"

    said: dict[int, str] = {}
    with (
        closing(add(tmp_path, addresses)) as store,
        closing(opened(tmp_path, addresses)) as other,
    ):
        threads = [threading.Thread(target=work, args=(other,)) for work in (search, change)]
        for thread in threads:
            thread.start()
        moved = store.move_to_last(lambda *_: None, 2.0)
        ending.set()
        for thread in threads:
            thread.join()
        assert moved > 40
        assert wrong == []
        assert {item.id: item.tags[0] for item in store.items(list(said))} == said
        assert store.check() == []


@pytest.mark.parametrize("step", ["copy_items", "read", "remove", "note_facts"])
def test_a_command_that_was_killed_is_begun_again(
    addresses: list[Address], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    from mmembed.store.shards import move_items
    from mmembed.store.shards.shard import Shard

    with closing(opened(tmp_path, addresses[:2])) as store:
        fill(store)
        before = answers(store)
    monkeypatch.setattr(move_items, "AT_ONCE", 7)
    owner: Any = move_items if step == "copy_items" else Shard
    real: Callable[..., Any] = getattr(owner, step)
    done = 0

    def killing(*arguments: Any, **named: Any) -> Any:
        nonlocal done
        done += 1
        if done == 3:
            raise Killed
        return real(*arguments, **named)

    monkeypatch.setattr(owner, step, killing)
    with pytest.raises(Killed), closing(add(tmp_path, addresses)) as store:
        store.move_to_last(lambda *_: None, 0.0)
    monkeypatch.setattr(owner, step, real)
    with closing(add(tmp_path, addresses)) as store:
        removed = before[2][0].id
        assert store.remove([removed]) == 1
        store.write_caption(CaptionEntry("alone 3", ROWS[3]), ["again"])
        store.move_to_last(lambda *_: None, 0.0)
        assert len(answers(store)[0][0]) == COUNT - 1
        assert store.count() == before[3] - 2  # and its caption
        assert [door.ask(_departures) for door in store.doors] == [0, 0, 0]
        assert store.check() == []


def _departures(shard: Any) -> int:
    return int(shard.read("SELECT count(*) FROM departures")[0][0])


def test_an_item_counts_once_while_it_is_in_two_shards(
    addresses: list[Address], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mmembed.store.shards.move_items import Moving

    with closing(opened(tmp_path, addresses[:2])) as store:
        fill(store)
    real = Moving._remove
    departing: list[int] = []

    def counting(*arguments: Any, **named: Any) -> int:
        departing.append(sum(door.ask(_departures) for door in store.doors))
        assert counts(store) == before
        return real(*arguments, **named)

    monkeypatch.setattr(Moving, "_remove", counting)
    with closing(add(tmp_path, addresses)) as store:
        before = counts(store)
        move(store)
        assert counts(store) == before
    assert max(departing) > 40


def counts(store: Any) -> Any:
    return store.count(), store.count("image", Condition("tag", "=", "t3")), store.tags(), [
        (field.name, field.items) for field in store.fields()
    ]  # fmt: skip


def test_a_command_that_is_killed_at_random_moments_loses_nothing(
    addresses: list[Address], tmp_path: Path
) -> None:
    with closing(opened(tmp_path, addresses[:2])) as store:
        fill(store)
        before = answers(store)
    known = ",".join(map(spelt, addresses[:2]))
    command = ("shards", "add", spelt(addresses[2]), "--store", known, "--data", tmp_path)
    with forks_in(tmp_path) as forks:
        for turn in range(KILLS):
            target = arrived(addresses[2]) + random.randint(1, 12)
            adding = forks.start(*command, moving=3)
            if turn % 3:
                until(partial(has, addresses[2], target))
            time.sleep(random.uniform(0, 0.05 if turn % 3 else 0.8))
            adding.kill()
            assert adding.wait() == -signal.SIGKILL, adding.said
        assert forks.start(*command).wait() == 0
    with closing(opened(tmp_path, addresses)) as store:
        assert answers(store) == before
        assert [door.ask(_departures) for door in store.doors] == [0, 0, 0]
        assert store.check() == []
    assert arrived(addresses[2]) > 40


def has(at: Address, count: int) -> bool:
    return arrived(at) >= count


def arrived(at: Address) -> int:
    """Images in a database; asked under a name that no process of mmembed has."""
    import psycopg

    with psycopg.connect(at.connect, autocommit=True) as connection:
        sql = f"SELECT count(*) FROM \"{at.schema}\".items WHERE kind = 'image'"
        try:
            return int(connection.execute(sql).fetchall()[0][0])
        except psycopg.errors.UndefinedTable:
            return 0


def test_processes_that_do_not_know_the_new_database_are_awaited(
    addresses: list[Address], tmp_path: Path
) -> None:
    with closing(alone(tmp_path, addresses[0])) as earlier:
        fill(earlier)
        with pytest.raises(StoreBusy, match="still connected"):
            add(tmp_path, addresses[:2])
        earlier.write([ImageEntry("/of earlier", "x", ROWS[1], 1, 1, 1, "PNG", 7)])
        with closing(opened(tmp_path, addresses[:2])) as store:
            store.write(
                [ImageEntry(f"/new/{n}", f"new {n}", ROWS[n], 1, 1, 1, "PNG", 7) for n in range(20)]
            )
            assert store.count("image") == COUNT + 21
        assert earlier.count("image") == COUNT + 21
    with pytest.raises(StoreError, match="is database 1 of the 2"):
        alone(tmp_path, addresses[0])
    with closing(add(tmp_path, addresses[:2])) as store:
        move(store)
        assert store.count("image") == COUNT + 21


def test_what_cannot_be_added_is_refused(addresses: list[Address], tmp_path: Path) -> None:
    from mmembed.store.shards.add_shard import join_shard

    for at in (addresses[0], addresses[2]):
        with closing(alone(tmp_path, at)) as store:
            fill(store)
    with pytest.raises(StoreError, match="is not empty"):
        join_shard([addresses[0], addresses[2]])
    with pytest.raises(StoreError, match="is part of the collection already"):
        join_shard([addresses[0], addresses[0]])
    with pytest.raises(StoreError, match="is not database 1 of the 2"):
        join_shard([addresses[0], addresses[2], addresses[1]])
