"""Long work has one thread at a time, and few that wait."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from mmembed.cancellation import Caller, working_for
from mmembed.collection import one_at_a_time
from mmembed.collection.collection import Collection
from mmembed.collection.one_at_a_time import MOST_WAITING, OneAtATime
from mmembed.errors import Abandoned, Overloaded
from mmembed.explore.map.keeper import MapKeeper
from tests.collection.uploaded_files import RED
from tests.serving import PATIENCE_S


def test_few_wait_for_their_turn_and_others_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_at_a_time, "LOOK_S", 0.01)
    turns = OneAtATime("a cake")
    done, at_work, together = threading.Event(), [], []

    def work() -> None:
        with turns.turn():
            at_work.append(1)
            together.append(len(at_work))
            assert done.wait(PATIENCE_S)
            at_work.pop()

    def ask() -> str:
        try:
            work()
        except Overloaded as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(MOST_WAITING + 4) as threads:
        answers = [threads.submit(ask) for _ in range(MOST_WAITING + 4)]
        until = time.monotonic() + PATIENCE_S
        while sum(one.done() for one in answers) < 3:
            assert time.monotonic() < until
            time.sleep(0.01)
        done.set()
        refused = [one.result() for one in answers if one.result()]
    assert len(refused) == 3
    assert "wait already for a cake" in refused[0]
    assert set(together) == {1}
    assert ask() == "", "nobody holds a place"


def test_a_caller_that_left_waits_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_at_a_time, "LOOK_S", 0.01)
    turns, caller = OneAtATime("a cake"), Caller()
    caller.leave()
    with turns.turn(), working_for(caller), pytest.raises(Abandoned), turns.turn():
        raise AssertionError("two at a time")
    with turns.turn():
        pass


def test_work_in_the_background_waits_for_a_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_at_a_time, "LOOK_S", 0.01)
    turns, done, waits = OneAtATime("a cake"), threading.Event(), threading.Event()

    def hold(_: int) -> None:
        with turns.turn():
            assert done.wait(PATIENCE_S)

    def work() -> str:
        waits.set()
        with working_for(Caller(background=True)), turns.turn():
            return "done"

    with ThreadPoolExecutor(MOST_WAITING + 2) as threads:
        holding = [threads.submit(hold, number) for number in range(MOST_WAITING + 1)]
        until = time.monotonic() + PATIENCE_S
        while turns._places._value and time.monotonic() < until:
            time.sleep(0.001)
        job = threads.submit(work)
        assert waits.wait(PATIENCE_S)
        done.set()
        assert job.result(PATIENCE_S) == "done"
        assert [one.result(PATIENCE_S) for one in holding] == [None] * len(holding)


@pytest.mark.slow
def test_many_that_ask_for_a_changed_map_have_it_made_once(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection.add_image(RED, name="a")
    collection.make_map(method="pca")
    collection.add_image(RED + b"another", name="b")
    placed: list[int] = []
    real = MapKeeper._as_now

    def slow(self: MapKeeper, *arguments: object) -> object:
        placed.append(1)
        time.sleep(0.2)
        return real(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(MapKeeper, "_as_now", slow)
    with ThreadPoolExecutor(MOST_WAITING) as threads:
        maps = list(threads.map(lambda _: collection.map(), range(MOST_WAITING)))
    assert {len(one.map) for one in maps} == {2}
    assert len(placed) == 1
