"""Callers who wait for their turn, and leave."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from mmembed.cancellation import Caller
from mmembed.errors import Abandoned
from tests.serving import PATIENCE_S


def test_only_callers_in_the_background_and_patient_ones_wait_for_a_turn() -> None:
    turn = threading.Lock()
    assert Caller().take(turn)
    assert not Caller().take(turn)
    with ThreadPoolExecutor(3) as threads:
        first, second = Caller(background=True), Caller(patient=True)
        waiting = [threads.submit(one.take, turn) for one in (first, second)]
        first.leave()
        with pytest.raises(Abandoned):
            waiting[0].result(PATIENCE_S)
        turn.release()
        assert waiting[1].result(PATIENCE_S)


def test_an_event_is_set_once_the_caller_leaves() -> None:
    caller, during, after, late = Caller(), *(threading.Event() for _ in range(3))
    with caller.telling(after):
        pass
    with caller.telling(during):
        assert not during.is_set()
        caller.leave()
        assert during.is_set()
    with caller.telling(late):
        assert late.is_set()
    assert not after.is_set()
