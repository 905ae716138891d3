"""The shards of a collection, each opened when it is needed, and refused if it is another one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from mmembed.config.store_address import Address
from mmembed.errors import StoreAway, StoreError
from mmembed.store.postgres.shard_facts import ShardFacts, watch_facts
from mmembed.store.shards.shard import Shard

T = TypeVar("T")
RETRY_S = 1.0
"""Seconds for which a shard that could not be reached is not tried again: requests need not wait
for it one after the other."""


class ShardDoor:
    """One shard, which may be away. Any thread may ask."""

    def __init__(self, address: Address, number: int, count: int, open_: Callable[[], Shard]):
        """number: from 1 to `count`."""
        self.address = address
        self.number = number
        self.count = count
        self.facts: ShardFacts | None = None
        """The facts that the shard must state; None before the set is known."""
        self._open = open_
        self._shard: Shard | None = None
        self._opening = threading.Lock()
        self._is_away = False
        self._away_until = 0.0
        self._probing = threading.Lock()

    @property
    def title(self) -> str:
        """Its name in messages."""
        return f"shard {self.number} of {self.count}"

    def ask(self, question: Callable[[Shard], T]) -> T:
        """The shard's answer. Raises StoreAway, which names the shard."""
        if self._is_away:
            self._probe()
        return self._told(question)

    def _probe(self) -> None:
        """Have one request at a time find out whether the shard is back: a machine that vanished
        holds up each attempt for as long as connecting may take. Raises StoreAway."""
        if time.monotonic() < self._away_until or not self._probing.acquire(blocking=False):
            raise self._away("did not answer a moment ago")
        try:
            self._told(lambda shard: shard.check_place())
        finally:
            self._probing.release()

    def _told(self, question: Callable[[Shard], T]) -> T:
        try:
            answer = question(self.shard())
        except StoreAway as error:
            self._is_away, self._away_until = True, time.monotonic() + RETRY_S
            raise self._away(str(error)) from error
        self._is_away = False
        return answer

    def _away(self, reason: str) -> StoreAway:
        return StoreAway(f"{self.title}, {self.address.name}, cannot be reached: {reason}")

    def shard(self) -> Shard:
        """The open shard. Raises StoreAway, StoreError for a foreign database."""
        with self._opening:
            if self._shard is None:
                shard = self._open()
                try:
                    if self.facts is not None:
                        check_facts(self, shard.shard_facts())
                        watch_facts(shard.connections, self.facts.collection, self.facts)
                except BaseException:
                    shard.close()
                    raise
                self._shard = shard
            return self._shard

    def close(self) -> None:
        """Close the shard."""
        if self._shard is not None:
            self._shard.close()


def check_facts(door: ShardDoor, found: ShardFacts | None) -> None:
    """Raises StoreError where a database is not the shard that its address stands for."""
    wanted, name = door.facts, door.address.name
    assert wanted is not None
    if found in (wanted, replace(wanted, joining=True)):
        return
    at = f"{name}: is address {wanted.number} of {wanted.count}, but"
    if found is None:
        reason = "holds no part of this collection; `mmembed shards add` adds a database"
    elif found.collection != wanted.collection:
        reason = "holds a part of another collection; give the addresses of one collection"
    elif found.count != wanted.count:
        reason = f"is shard {found.number} of {found.count}; give the addresses of all of them"
    else:
        reason = f"is shard {found.number}; give the addresses in the order of their numbers"
    raise StoreError(f"{at} {reason}")


def known_set(doors: Sequence[ShardDoor], shards: Sequence[Shard | StoreAway]) -> ShardFacts | None:
    """The facts that the first reachable shards state; None for databases that are no set yet.

    Raises StoreError for databases that cannot become one, and StoreAway if none can be reached.
    """
    here = [shard for shard in shards if isinstance(shard, Shard)]
    away = [shard for shard in shards if isinstance(shard, StoreAway)]
    if not here:
        raise away[0]
    stated = [facts for shard in here if (facts := shard.shard_facts())]
    first = shards[0]
    if isinstance(first, Shard):
        facts = first.shard_facts()
        if facts is None:
            _check_new(doors, here, away)
        return facts
    if not stated:
        raise away[0]
    return stated[0]


def _check_new(
    doors: Sequence[ShardDoor], shards: Sequence[Shard], away: Sequence[StoreAway]
) -> None:
    if away:
        raise away[0]
    identities = [shard.identity for shard in shards]
    for door, shard in zip(doors, shards, strict=True):
        if identities.count(shard.identity) > 1:
            raise StoreError(f"{shard.name}: is named twice; each shard is a database of its own")
        facts = shard.shard_facts()
        if facts is not None and facts.collection != identities[0]:
            raise StoreError(
                f"{shard.name}: is address {door.number} of {door.count}, but holds a part of "
                "another collection; give the addresses of one collection, in their order"
            )
        if not shard.is_empty:
            raise StoreError(
                f"{shard.name}: holds a collection by itself; open it alone, and add empty "
                "databases with `mmembed shards add`"
            )
