"""How requests are joined into batches, and how long they may wait for the model."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Batching:
    """Sizes are inputs, times are seconds."""

    batch: int = 16
    """Images or windows of texts in one forward pass."""
    max_queue: int = 512
    """Places in the queue of one model."""
    max_wait: float = 0.5
    """A request that would wait longer for its turn is refused."""
    timeout: float = 120.0
    """A model that makes no progress for so long is given up; 0: never."""
