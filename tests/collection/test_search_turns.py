"""Few threads compute at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from mmembed.cancellation import Caller, working_for
from mmembed.collection.search_turns import SearchTurns
from mmembed.errors import Abandoned

WAIT_S = 5.0


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as executor:
        yield executor


def test_no_more_than_allowed_compute_at_a_time(threads: ThreadPoolExecutor) -> None:
    turns, lock = SearchTurns(2, patience_s=WAIT_S), threading.Lock()
    computing, most = 0, 0

    def compute(_: int) -> None:
        nonlocal computing, most
        with turns.turn():
            with lock:
                computing += 1
                most = max(most, computing)
            threading.Event().wait(0.001)
            with lock:
                computing -= 1

    list(threads.map(compute, range(40)))
    assert most == 2
    assert computing == 0


def test_long_work_holds_nobody_up_for_ever(threads: ThreadPoolExecutor) -> None:
    turns, done = SearchTurns(1, patience_s=0.01), threading.Event()

    def compute_for_minutes() -> bool:
        with turns.turn():
            return done.wait(WAIT_S)

    long = threads.submit(compute_for_minutes)
    with turns.turn(), turns.turn():
        done.set()
    assert long.result()


def test_a_turn_ends_with_an_error() -> None:
    turns = SearchTurns(1, patience_s=WAIT_S)
    with pytest.raises(ValueError, match="wrong"), turns.turn():
        raise ValueError("wrong")
    assert turns._free.acquire(blocking=False)


def test_a_caller_that_left_while_it_waited_computes_nothing() -> None:
    turns, caller = SearchTurns(1), Caller()
    caller.leave()
    with working_for(caller), pytest.raises(Abandoned), turns.turn():
        pytest.fail("it had a turn")
    with turns.turn():
        assert not turns._free.acquire(blocking=False)
