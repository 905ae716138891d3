"""Times how long an indexing waits for its model, which is measured when it is first opened."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from mmembed.models.encoder import Encoder


@dataclass
class TimedOpening:
    """Gives the model, and keeps the longest wait for it."""

    load: Callable[[], Encoder]
    seconds: float = 0.0

    def __call__(self) -> Encoder:
        """Raises what `load` raises."""
        started = time.monotonic()
        encoder = self.load()
        self.seconds = max(self.seconds, time.monotonic() - started)
        return encoder
