"""How long a caller may take, as a connection reckons it."""

from __future__ import annotations

from types import SimpleNamespace

from mmembed.server.listener.connection import INCOMPLETE, Connection
from mmembed.server.listener.instant_refusals import TOO_SLOW


class Reading(Connection):
    """In the midst of a body, of which no more comes."""

    def __init__(self) -> None:
        self.terms = SimpleNamespace(slow_s=20.0)  # type: ignore[assignment]
        self.flow = SimpleNamespace(read_paused=True)  # type: ignore[assignment]
        self.conn = SimpleNamespace(their_state=None)  # type: ignore[assignment]
        self.ends: list[bytes] = []
        self._to_skip, self._came, self._marked, self._unsent = 0, 100, (100, 0.0), None

    def about(self) -> int:
        return INCOMPLETE

    def cut_off(self, answer: bytes) -> None:
        self.ends.append(answer)


def test_a_caller_who_waits_for_the_server_is_not_slow() -> None:
    one = Reading()
    for now in range(1, 100):
        one.look(now)
    one.flow.read_paused = False
    one.look(100)
    one.look(118)
    assert not one.ends
    one.look(120)
    assert one.ends == [TOO_SLOW]
