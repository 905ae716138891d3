"""Events of files, from the operating system by watchfiles.

Folders are watched one by one, not with all below them: the library would follow links, and enter
excluded folders.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from watchfiles._rust_notify import RustNotify

DEBOUNCE_MS, STEP_MS = 400, 100
"""Events within so short a time come together; and how often it is asked for new ones."""
TRIES = 3


class NoEvents(Exception):
    """The system gives no events, or no more of them."""


class FileEvents:
    """The paths at which something happened, in any number of folders."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[set[str] | NoEvents] = queue.SimpleQueue()
        self._stream: _Stream | None = None

    def watch(self, folders: Iterable[str]) -> None:
        """Watch these folders from now on, and no others. Raises NoEvents, and then watches
        none."""
        wanted = list(folders)
        try:
            newer = _Stream(wanted, self._queue) if wanted else None
        except NoEvents:
            if self._stream is None:
                raise
            self.close()  # both at once may be too many
            newer = _Stream(wanted, self._queue)
        self.close()  # the newer one has begun: nothing falls between the two
        self._stream = newer

    def wait(self, seconds: float) -> set[str]:
        """The paths of the next changes; empty after so many seconds without any. Raises NoEvents
        once the events end: some may be lost, and `watch` begins anew."""
        try:
            changed = self._queue.get(timeout=seconds)
        except queue.Empty:
            return set()
        if isinstance(changed, NoEvents):
            raise changed
        return changed

    def close(self) -> None:
        """Watch nothing any more."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None


class _Stream:
    """One watcher of the library, and the thread that asks it."""

    def __init__(self, folders: list[str], changes: queue.SimpleQueue[set[str] | NoEvents]) -> None:
        self._watcher = _opened(folders)
        self._changes = changes
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mmembed-events", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            # Without a timeout: the library drops what comes in the moment of one.
            while isinstance(
                changed := self._watcher.watch(DEBOUNCE_MS, STEP_MS, 0, self._ended), set
            ):
                self._changes.put({path for _, path in changed})
        except Exception as error:
            if not self._ended.is_set():
                self._changes.put(NoEvents(str(error)))

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        self._watcher.close()


def _opened(folders: list[str]) -> RustNotify:
    """Raises NoEvents."""
    try:
        from watchfiles._rust_notify import RustNotify
    except ImportError as error:
        raise NoEvents("watchfiles is not installed: pip install 'mmembed[watch]'") from error
    for attempt in range(1, TRIES + 1):
        # Folders come and go while all are added; one without permission has no events.
        there = [path for path in folders if os.path.isdir(path) and os.access(path, os.R_OK)]
        try:
            return RustNotify(there, False, False, 0, False, False)
        except (FileNotFoundError, PermissionError) as error:
            if attempt == TRIES:
                raise NoEvents(str(error)) from error
        except Exception as error:  # the limit of watches or of instances, and others
            raise NoEvents(_reason(error)) from error
    raise AssertionError("unreachable")


def _reason(error: Exception) -> str:
    text = str(error).partition(" (Error {")[0]
    if "limit" in text or "os error 24" in text or "os error 28" in text:
        return f"{text}; raise fs.inotify.max_user_watches or max_user_instances with sysctl"
    return text
