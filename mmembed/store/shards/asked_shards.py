"""Asks all shards at once, and changes several together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from mmembed.errors import StoreAway
from mmembed.store.shards.doors import Door
from mmembed.store.shards.numbers import Numbers, take
from mmembed.store.shards.partial import missing_shards
from mmembed.store.shards.shard import Shard
from mmembed.store.shards.together import Part, Together, current_part

T = TypeVar("T")
AT_ONCE = 16
"""Questions to one shard that run at once."""


class AskedShards:
    """The shards of one collection, in their order."""

    def __init__(self, doors: Sequence[Door]) -> None:
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
        self, jobs: Mapping[int, Callable[[Shard], T]], numbers: Numbers | None = None
    ) -> dict[int, T]:
        """Change shards, by index, each once: all of the changes are kept, or none. Raises the
        error of the first that fails."""
        numbers = numbers or Numbers(self._numbers)
        together = Together(len(jobs))
        done: dict[int, T] = {}
        errors: list[BaseException] = []

        def change(place: int, index: int) -> None:
            token = current_part.set(Part(together, place, numbers))
            try:
                done[index] = self._doors[index].ask(jobs[index])
            except BaseException as error:
                errors.append(error)
                together.fail()
            finally:
                current_part.reset(token)

        *others, last = enumerate(sorted(jobs))
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
