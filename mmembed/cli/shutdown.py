"""Ends `mmembed serve` in bounded time, whatever still runs."""

from __future__ import annotations

import os
import sys
import threading
import time

LAST_S = 15.0
"""Seconds beyond the time for requests, in which models, catalog and views are closed."""


def watch(told_to_end: threading.Event, grace_s: float) -> None:
    """Once it is told to end, the process ends. It waits for a hanging model, disk or library no
    longer than for requests and `LAST_S`."""
    threading.Thread(
        target=_wait, args=(told_to_end, grace_s + LAST_S), name="mmembed-ending", daemon=True
    ).start()


def _wait(told_to_end: threading.Event, grace_s: float) -> None:
    """Nothing that was acknowledged is lost: it was on the disk before."""
    told_to_end.wait()
    time.sleep(grace_s)
    print(
        f"mmembed: something still ran {grace_s:g} s after the signal to end; ending without it",
        file=sys.stderr,
        flush=True,
    )
    os._exit(1)
