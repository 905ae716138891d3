"""Indexing by several processes: one plans the work in a database, and any number do it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mmembed.ingest import Report
from mmembed.places import Place
from mmembed.types import Phase, Progress

if TYPE_CHECKING:
    from mmembed.collection.indexing import Indexing


class SharedWork:
    """The part of a collection that shares the work of indexing; each method raises InputError for
    a collection in a folder."""

    _indexing: Indexing

    def plan_work(
        self,
        paths: Sequence[Place],
        *,
        manifests: Sequence[Place] = (),
        phase: Phase = lambda what, count: None,
        rehash: bool = False,
        include_removed: bool = False,
    ) -> Report:
        """Plan an indexing as `index` does, and leave the work to the processes that `work`.

        The report's `total` is the number of planned files. Raises as `index` does.
        """
        return self._indexing.plan(paths, manifests, phase, rehash, include_removed)

    def work(
        self,
        progress: Progress,
        *,
        ending: threading.Event | None = None,
        until_done: bool = True,
    ) -> Report:
        """Do planned work, beside any number of other processes; returns what this one did.

        progress: of all processes together. ending: once it is set, the files that were begun are
        completed, and the rest is given back. until_done: return once nothing is left to do by
        anyone; otherwise wait for more. Raises ModelError, ModelMismatch, StoreError.
        """
        return self._indexing.shared.work(
            ending or threading.Event(), progress, until_done=until_done
        )
