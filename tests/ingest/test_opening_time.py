"""How long an indexing waits for its model."""

from __future__ import annotations

import time

import pytest

from mmembed.ingest.opening_time import TimedOpening
from mmembed.models.encoder import Encoder
from tests.fake_encoder import FakeEncoder


def test_the_longest_wait_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 7.5, 8.0, 8.1])
    monkeypatch.setattr(time, "monotonic", lambda: next(times))
    encoder = FakeEncoder()

    def load() -> Encoder:
        return encoder

    opening = TimedOpening(load)
    assert (opening(), opening()) == (encoder, encoder)
    assert opening.seconds == 7.5
