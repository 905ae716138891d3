"""The budget of memory: order, waiting, and giving back."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable
from functools import partial

import pytest

from mmembed.cancellation import Caller, working_for
from mmembed.errors import Abandoned, Overloaded
from mmembed.memory_budget import MemoryBudget
from tests.serving import eventually


def budget(limit: int = 100, slots: int = 10) -> MemoryBudget:
    return MemoryBudget(limit, slots=slots, purpose="pictures", setting="MMEMBED_DECODE_MB")


def in_thread(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_what_is_reserved_is_free_again_when_it_is_dropped() -> None:
    shared = budget()
    held = shared.reserve(60)
    assert shared.used == 60
    held.shrink(10)
    assert shared.used == 10
    del held
    gc.collect()
    assert shared.used == 0


def test_who_finds_no_room_waits_and_nobody_overtakes() -> None:
    shared, order = budget(), []
    first = shared.reserve(60)
    large = in_thread(lambda: order.append(("large", shared.reserve(90))))
    eventually(lambda: shared.waiting == 1)
    small = in_thread(lambda: order.append(("small", shared.reserve(10))))
    eventually(lambda: shared.waiting == 2)
    time.sleep(0.05)
    assert order == []
    first.end()
    large.join(60)
    small.join(60)
    assert sorted(name for name, _ in order) == ["large", "small"]
    assert shared.used == 100


def test_a_slot_is_given_back_before_the_bytes() -> None:
    shared = budget(slots=1)
    held = shared.reserve(50)
    waiting = in_thread(lambda: shared.reserve(10))
    eventually(lambda: shared.waiting == 1)
    held.shrink(50)
    waiting.join(60)
    assert not waiting.is_alive()


def test_who_waits_too_long_is_told_what_to_raise(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = budget()
    monkeypatch.setattr(shared, "patience_s", 0.05)
    held = shared.reserve(100)
    with working_for(Caller()), pytest.raises(Overloaded, match=r"pictures.*MMEMBED_DECODE_MB"):
        shared.reserve(1)
    assert shared.waiting == 0
    held.end()
    assert shared.used == 0


def test_who_leaves_waits_no_longer_and_takes_nothing() -> None:
    shared, caller, seen = budget(), Caller(), []
    held = shared.reserve(100)

    def ask() -> None:
        with working_for(caller), pytest.raises(Abandoned):
            shared.reserve(50)
        seen.append(True)

    thread = in_thread(ask)
    eventually(lambda: shared.waiting == 1)
    caller.leave()
    thread.join(60)
    assert seen == [True]
    held.end()
    assert (shared.used, shared.waiting) == (0, 0)


def test_many_threads_never_hold_more_than_there_is() -> None:
    shared, inside, most, lock = budget(limit=10, slots=3), [0, 0], [0, 0], threading.Lock()

    def work(size: int) -> None:
        for _ in range(50):
            held = shared.reserve(size)
            with lock:
                inside[0] += size
                inside[1] += 1
                most[:] = max(most[0], inside[0]), max(most[1], inside[1])
            with lock:
                inside[0] -= size
                inside[1] -= 1
            del held

    threads = [in_thread(partial(work, size)) for size in (1, 2, 3, 7, 10, 1, 4, 5)]
    for thread in threads:
        thread.join(60)
    assert most[0] <= 10
    assert most[1] <= 3
    assert (shared.used, shared.waiting) == (0, 0)


def test_a_reservation_costs_microseconds() -> None:
    shared = budget()
    started = time.perf_counter()
    for _ in range(10_000):
        shared.reserve(1).end()
    assert time.perf_counter() - started < 2


def test_what_would_have_to_wait_is_refused_where_waiting_could_last_for_ever() -> None:
    shared = budget()
    held = shared.reserve_at_once(60)
    assert held is not None
    assert shared.reserve_at_once(60) is None
    held.end()
    assert shared.reserve_at_once(100) is not None
