"""Asks all shards at once, and changes several together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import partial, wraps
from typing import ParamSpec, TypeVar

from mmembed.errors import StoreAway, StoreBusy
from mmembed.store.shards.departures import Departed
from mmembed.store.shards.doors import ShardDoor
from mmembed.store.shards.numbers import Numbers, take
from mmembed.store.shards.partial import missing_shards
from mmembed.store.shards.shard import Shard
from mmembed.store.shards.together import ChangePart, ChangesTogether, current_part

P = ParamSpec("P")
T = TypeVar("T")
ATTEMPTS = 10
"""Of a change whose item moves to another shard."""
AT_ONCE = 16
"""Questions to one shard that run at once."""


class AskedShards:
    """The shards of one collection, in their order."""

    def __init__(self, doors: Sequence[ShardDoor]) -> None:
        self._doors = doors
        self._threads = ThreadPoolExecutor(AT_ONCE * len(doors), "mmembed-shards")

    # -- reading ---------------------------------------------------------------------

    def _ask(self, question: Callable[[Shard], T]) -> list[T]:
        """The answers of all shards, in their order. Raises StoreAway for a shard that is away; a
        partial answer lacks it."""
        # The last one is asked by this thread.
        *others, last = self._doors
        futures = [self._threads.submit(copy_context().run, door.ask, question) for door in others]
        final: Future[T] = Future()
        try:
            final.set_result(last.ask(question))
        except Exception as error:
            final.set_exception(error)
        return self._present([*futures, final])

    def _present(self, futures: Sequence[Future[T]]) -> list[T]:
        answers, missing, away = [], missing_shards.get(), []
        errors: list[BaseException] = []
        for door, future in zip(self._doors, futures, strict=True):
            error = future.exception()
            if error is None:
                answers.append(future.result())
            elif isinstance(error, StoreAway):
                away.append(error)
                if missing is not None:
                    missing[door.title] = None
            else:
                errors.append(error)
        if errors:
            raise errors[0]
        if away and (missing is None or not answers):
            raise away[0]
        return answers

    def _ask_any(self, question: Callable[[Shard], T]) -> T:
        """The answer of the first shard that can be reached, where all would say the same."""
        errors: list[StoreAway] = []
        for door in self._doors:
            try:
                return door.ask(question)
            except StoreAway as error:
                errors.append(error)
        raise errors[0]

    # -- changing --------------------------------------------------------------------

    def _numbers(self, count: int) -> int:
        return self._doors[0].ask(lambda shard: take(shard.connections, count))

    def _change(
        self,
        jobs: Mapping[int, Callable[[Shard], T]],
        numbers: Numbers | None = None,
        *,
        touched: Mapping[int, Sequence[int]] | None = None,
    ) -> dict[int, T]:
        """Change shards, by index, each once: all of the changes are kept, or none, unless one is
        lost between two commits; see ChangesTogether. touched: the items that are changed, by
        shard. Raises the error of the first that fails, and Departed."""
        numbers = numbers or Numbers(self._numbers)
        together = ChangesTogether(len(jobs))
        done: dict[int, T] = {}
        errors: list[BaseException] = []

        def change(place: int, index: int) -> None:
            ids = (touched or {}).get(index, ())
            elsewhere = partial(self._have, self._doors[index + 1 :])
            token = current_part.set(ChangePart(together, place, numbers, ids, elsewhere))
            try:
                done[index] = self._doors[index].ask(jobs[index])
            except BaseException as error:
                errors.append(error)
                together.fail()
            finally:
                current_part.reset(token)

        *others, last = list(enumerate(sorted(jobs)))
        threads = [
            threading.Thread(target=copy_context().run, args=(change, *job)) for job in others
        ]
        for thread in threads:
            thread.start()
        change(*last)
        for thread in threads:
            thread.join()
        if errors:
            causes = [one for one in errors if not isinstance(one, threading.BrokenBarrierError)]
            raise (causes or errors)[0]
        return done

    @staticmethod
    def _have(doors: Sequence[ShardDoor], item_ids: Sequence[int]) -> bool:
        return any(door.ask(lambda shard: shard.ids_among(item_ids)) for door in doors)


def again_if_departed(change: Callable[P, T]) -> Callable[P, T]:
    """Repeat a change whose item has just moved to another shard."""

    @wraps(change)
    def changing(*arguments: P.args, **named: P.kwargs) -> T:
        for _ in range(ATTEMPTS):
            try:
                return change(*arguments, **named)
            except Departed:
                continue
        raise StoreBusy("the item moves from one database to another; try again")

    return changing
