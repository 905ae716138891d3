"""A lock file that names its holder, so that one process writes at a time."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mmembed.errors import StoreBusy, StoreError

WRITE_LOCK = "catalog.lock"
INDEX_LOCK = "index.lock"
VIEWS_LOCK = "views.lock"
WRITE_WAIT_S = 30.0
POLL_S = 0.01


@contextmanager
def exclusive(path: Path, *, purpose: str, wait_s: float) -> Iterator[None]:
    """Hold the lock file `path` for the length of the block.

    The lock belongs to the open file, so the kernel frees it when the process dies,
    however it dies. Raises StoreBusy, naming the holder, after `wait_s` seconds.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        _keep_from_others(descriptor)
    except OSError as error:
        raise StoreError(f"{path}: cannot be locked: {error.strerror}") from error
    try:
        _acquire(descriptor, path, wait_s)
        _name_holder(descriptor, purpose)
        yield
    finally:
        os.close(descriptor)


def _keep_from_others(descriptor: int) -> None:
    """Whoever can open a file can lock it, for reading only even: a file of an earlier version,
    or of a careless copy, is closed to other users."""
    status = os.fstat(descriptor)
    if status.st_mode & 0o077 and status.st_uid == os.geteuid():
        with suppress(OSError):  # as on a disk that knows no owners
            os.fchmod(descriptor, 0o600)


def _acquire(descriptor: int, path: Path, wait_s: float) -> None:
    deadline = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                holder = os.pread(descriptor, 200, 0).decode(errors="replace")
                raise StoreBusy(
                    f"{path.parent}: another process is writing here ({holder}); "
                    "wait for it to end, or stop it"
                ) from None
            time.sleep(POLL_S)
        except OSError as error:
            raise StoreError(f"{path}: cannot be locked: {error.strerror}") from error


def _name_holder(descriptor: int, purpose: str) -> None:
    # A full disk must not keep anybody from deleting what fills it.
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()}, {purpose}".encode(), 0)
