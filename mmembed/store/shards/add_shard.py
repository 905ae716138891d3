"""Adds a database to those of a collection.

    the databases know of it → processes that do not know it have ended → it takes new images
    → items move to it

Each step may be repeated: a command that was killed is begun again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial

from mmembed.config.store_address import Address
from mmembed.errors import StoreBusy, StoreError
from mmembed.store.postgres.shard_facts import ShardFacts, name_of
from mmembed.store.shards.numbers import COUNTER, SMALLEST_SQL
from mmembed.store.shards.shard import Shard
from mmembed.store.shards.sharded_store import ShardedStore

ROOM = 10_000_000
"""Ids that are left to processes that do not know of the second database yet: they take the ids of
new items from the first one's own sequences."""
LOOK_S = 1.0
"""Seconds between two looks at the processes that are connected."""
OTHERS_SQL = """
SELECT DISTINCT application_name || ' at ' || coalesce(client_addr::text, 'the server itself')
FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE %s AND application_name NOT LIKE %s
"""
END_SQL = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE %s AND application_name NOT LIKE %s
"""


def join_shard(addresses: Sequence[Address]) -> None:
    """Have the databases know that the last one belongs to them; it takes nothing yet. Raises
    StoreError for databases that do not belong together, or if the last one is not empty."""
    with ExitStack() as opened:
        shards = [opened.enter_context(closing(_opened(address))) for address in addresses]
        count = len(shards)
        stated = [shard.shard_facts() for shard in shards]
        if stated[0] == ShardFacts(shards[0].identity, 1, count):
            return  # a command before came further
        _check(shards, stated)
        if stated[0] is None:
            shards[0].note(COUNTER, str(shards[0].number_from(SMALLEST_SQL) + ROOM))
        for number, shard in reversed(list(enumerate(shards, 1))):
            shard.note_facts(ShardFacts(shards[0].identity, number, count, joining=True))


def _opened(address: Address) -> Shard:
    return Shard(address, lambda path, sha256: None, exact_limit=0, recall=0.5)


def _check(shards: Sequence[Shard], stated: Sequence[ShardFacts | None]) -> None:
    count, identity = len(shards), shards[0].identity
    if len({shard.identity for shard in shards}) < count:
        raise StoreError(f"{shards[-1].name}: is part of the collection already")
    joined = ShardFacts(identity, count, count, joining=True)
    if stated[-1] is None and not shards[-1].is_empty:
        raise StoreError(f"{shards[-1].name}: is not empty; give an empty database")
    if stated[-1] not in (None, joined):
        raise StoreError(f"{shards[-1].name}: holds a part of another collection")
    for number, (shard, facts) in enumerate(zip(shards[:-1], stated[:-1], strict=True), 1):
        before = None if count == 2 else ShardFacts(identity, number, count - 1)
        if facts not in (before, ShardFacts(identity, number, count, joining=True)):
            raise StoreError(
                f"{shard.name}: is not database {number} of the {count - 1} of this collection; "
                "give the addresses of all in --store, in the order of their numbers"
            )


def await_others(store: ShardedStore, waiting: Callable[[str], None], wait_s: float) -> None:
    """Wait until no process is connected that does not know the last shard; then it takes images.

    waiting: called with the names of these processes, again when they change. Raises StoreBusy
    after `wait_s` seconds; the collection is served as before.
    """
    until, shown = time.monotonic() + wait_s, ""
    while others := _others(store):
        if others != shown:
            waiting(others)
            shown = others
        if time.monotonic() > until:
            raise StoreBusy(
                f"{store.name}: processes with fewer addresses are still connected ({others}); "
                "start them again with all addresses, then repeat this command"
            )
        time.sleep(LOOK_S)
    for door in reversed(store.doors):
        door.ask(_take_images)


def _take_images(shard: Shard) -> None:
    facts = shard.shard_facts()
    assert facts is not None
    shard.note_facts(replace(facts, joining=False))
    # A process that connected just now is refused when it connects again.
    shard.read(END_SQL, _patterns(facts))


def _others(store: ShardedStore) -> str:
    found: set[str] = set()
    for door in store.doors:
        assert door.facts is not None
        patterns = _patterns(door.facts)
        found.update(door.ask(partial(_connected, patterns=patterns)))
    return ", ".join(sorted(found))


def _connected(shard: Shard, patterns: tuple[str, str]) -> list[str]:
    return [str(row[0]) for row in shard.read(OTHERS_SQL, patterns)]


def _patterns(facts: ShardFacts) -> tuple[str, str]:
    """Of the names of all processes of the collection, and of those that know all databases."""
    name = name_of(facts.collection, None)
    return f"{name}%", f"{name} %/{facts.count}"
