"""The end of `mmembed serve`, which comes whatever still runs."""

from __future__ import annotations

import os
import sys
import threading
import time

LAST_S = 15.0
"""Beyond what requests are given: for models, catalog and views to be closed."""


def watch(told_to_end: threading.Event, grace_s: float) -> None:
    """Once it is told to end, the process ends: a model, a disk or a library that hangs is waited
    for no longer than requests are, and `LAST_S`."""
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
