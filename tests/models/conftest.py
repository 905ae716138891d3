"""Concurrent requests are joined, split back, and fail alone."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from mmembed.models.batcher import Batcher
from tests.models.gated import GatedEncoder


@pytest.fixture
def encoder() -> Iterator[GatedEncoder]:
    encoder = GatedEncoder()
    yield encoder
    encoder.gate.set()


@pytest.fixture
def batcher(encoder: GatedEncoder) -> Iterator[Batcher]:
    with Batcher(lambda: encoder, batch=4, max_queue=8) as batcher:
        yield batcher
        encoder.gate.set()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as pool:
        yield pool
