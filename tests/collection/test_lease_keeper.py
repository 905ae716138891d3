"""A claim is kept alive while its work goes on, and its loss is noticed."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from mmembed.collection import lease_keeper
from mmembed.collection.lease_keeper import Stall, kept_alive
from mmembed.errors import StoreError


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_keeper, "BEAT_S", 0.001)


def answers(*results: bool | Exception) -> tuple[Callable[[], bool], threading.Event]:
    """Answers in turn, and an event for the last one."""
    rest, given = list(results), threading.Event()

    def renew() -> bool:
        result = rest.pop(0) if rest else True
        if not rest:
            given.set()
        if isinstance(result, Exception):
            raise result
        return result

    return renew, given


def test_a_claim_that_is_lost_is_noticed() -> None:
    renew, _ = answers(True, StoreError("away for a moment"), False)
    with kept_alive(renew) as lost:
        assert lost.wait(10)


def test_a_claim_that_is_kept_is_not_lost() -> None:
    renew, given = answers(True, True, True)
    with kept_alive(renew) as lost:
        assert given.wait(10)
    assert not lost.is_set()
    assert "mmembed-lease" not in [thread.name for thread in threading.enumerate()]


def test_work_without_progress_is_over_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("mmembed.collection.lease_keeper.time.monotonic", lambda: now[0])
    stall = Stall(10)
    for state, at, over in ((0, 5, False), (1, 14, False), (1, 23, False), (1, 25, True)):
        now[0] = at
        assert stall.is_over(state) is over
