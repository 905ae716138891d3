"""Answers without the shards that are away, where that is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

missing_shards: ContextVar[dict[str, None] | None] = ContextVar("missing shards", default=None)
"""The shards that an answer lacks; None where it may lack none."""


@contextmanager
def answering_partially() -> Iterator[dict[str, None]]:
    """Within the block, reads leave out shards that are away; their titles are noted."""
    missing: dict[str, None] = {}
    token = missing_shards.set(missing)
    try:
        yield missing
    finally:
        missing_shards.reset(token)
