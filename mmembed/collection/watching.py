"""Watches folders, and brings the collection up to them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from mmembed.collection.watch_work import WatchWork
from mmembed.errors import InputError, StoreError
from mmembed.ingest.watch import Note, Timing, Watch
from mmembed.places import Place, absolute, is_address
from mmembed.store.protocol import Store

if TYPE_CHECKING:
    from mmembed.collection.indexing import Indexing


class Watching:
    """The part of a collection that watches folders."""

    store: Store
    _indexing: Indexing

    def watch(
        self,
        paths: Sequence[Place],
        tell: Callable[[Note], None],
        *,
        manifests: Sequence[Place] = (),
        remove_missing: bool = False,
        poll_s: float | None = None,
        ending: threading.Event | None = None,
        first: Callable[[], object] = lambda: None,
        timing: Timing = Timing(),  # noqa: B008
    ) -> None:
        """Bring the collection up to every change below some folders, until `ending` is set.

        tell: called with a note for each change. remove_missing: take out the pictures of deleted
        files, which stay otherwise. Those of a folder that vanishes stay in any case. poll_s: look
        every so many seconds, and use no events. first: called once all changes are noticed, such
        as an indexing of the folders. Raises InputError for places that are no folders of this
        machine, ModelError, KeyboardInterrupt.
        """
        roots = _folders(paths)
        if poll_s is not None:
            timing = timing.polling(poll_s)
        work = WatchWork(self.store, self._indexing, roots, manifests, remove_missing)
        watch = Watch(roots, work, tell, timing, poll=poll_s is not None)
        try:
            watch.start()
            first()
            watch.run(ending or threading.Event())
        finally:
            watch.close()
            with suppress(StoreError):
                self.store.publish(build=False)


def _folders(paths: Sequence[Place]) -> list[str]:
    for path in paths:
        if is_address(path) or not os.path.isdir(path):
            raise InputError(
                f"{path}: only folders of this machine can be watched; index it now and then, "
                "by cron or a timer"
            )
    return list(dict.fromkeys(map(absolute, paths)))
