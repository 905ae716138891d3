"""The end of `mmembed serve`, which comes whatever still runs."""

from __future__ import annotations

import os
import sys
import threading
from types import FrameType

import uvicorn

LAST_S = 15.0
"""Beyond what requests are given: for models, catalog and views to be closed."""


class EndingServer(uvicorn.Server):
    """Once it is told to end, the process ends: a model, a disk or a library that hangs is
    waited for no longer than requests are, and `LAST_S`."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Called with the signal, on the main thread."""
        super().handle_exit(sig, frame)
        grace_s = (self.config.timeout_graceful_shutdown or 0) + LAST_S
        last = threading.Timer(grace_s, _leave, (grace_s,))
        last.daemon = True
        last.start()


def _leave(grace_s: float) -> None:
    """Nothing that was acknowledged is lost: it was on the disk before."""
    print(
        f"mmembed: something still ran {grace_s:g} s after the signal to end; ending without it",
        file=sys.stderr,
        flush=True,
    )
    os._exit(1)
