"""Keeps the views abreast of the catalog, whichever process writes it."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import numpy as np

from mmembed.errors import StoreError
from mmembed.store.entries import Model
from mmembed.store.sqlite import Catalog
from mmembed.store.sqlite.lock_files import WRITE_WAIT_S
from mmembed.store.vectors import VectorView, snapshot
from mmembed.types import KINDS, Kind

log = logging.getLogger(__name__)

FOLLOW_AT_ONCE = 10_000
"""Vectors that are read from the catalog at once."""
TRIES = 5
"""Attempts to compare a view with a catalog that changes meanwhile."""
NO_VECTORS = np.empty((0, 0), dtype=np.float16)


class IndexSync:
    """One view per kind, loaded at first use and brought up to the catalog at each. All are of
    the model that serves.

    Few vectors are read from the catalog. With more than `exact_limit`, publishing builds a graph
    over them and saves it, and other processes load it. Until then search is exact, for any number
    of vectors: no start waits for a graph.

    The only locks that are held together are the publishing lock, this one's, a view's
    and the catalog's, taken in that order.
    """

    def __init__(self, catalog: Catalog, *, exact_limit: int) -> None:
        self._catalog = catalog
        self._exact_limit = exact_limit
        self._model: Model | None = None
        """The model whose vectors the views hold."""
        self._views: dict[Kind, VectorView] = {}
        self._sizes: dict[Kind, int] = {}
        self._seen: dict[Kind, int | None] = {}
        """When the last examined snapshot was published."""
        self.failed: str | None = None
        """Why the last search found no view; None if it did."""
        self._lock = threading.Lock()

    def view(self, kind: Kind) -> VectorView | None:
        """The view of a kind as of the catalog's last change; None while nothing was indexed."""
        with self._lock:
            try:
                model = self._serving()
                view = None if model is None else self._current(kind, model)
            except Exception as error:
                self.failed = f"{kind}s cannot be searched: {error}"
                raise
            self.failed = None
            return view

    def last_view(self, kind: Kind) -> VectorView | None:
        """`view`, without comparing with the catalog if it is loaded."""
        return self._views.get(kind) or self.view(kind)

    def sizes(self) -> dict[Kind, int]:
        """Vectors in each view that is loaded, as of when it was last used."""
        return dict(self._sizes)  # asking the views would wait while one is rebuilt

    def publish(self, *, build: bool = True) -> None:
        """Save the graphs that are newer than their snapshots. Missing graphs are built first,
        unless they are not wanted now.

        If they cannot be saved, on a full disk for example, that is logged and costs only time: the
        next start searches exactly. Raises StoreBusy.
        """
        if self._catalog.model() is None:
            return
        kinds = KINDS if build else tuple(self._views)
        for kind in kinds:  # built before the lock on publishing is taken; searches here wait
            self._large(kind, build)
        with self._catalog.exclusive("publishing", wait_s=WRITE_WAIT_S):
            for kind in kinds:
                view = self._large(kind, build)
                if view is None:
                    self._discard(kind)
                else:
                    self._save(view)

    def _large(self, kind: Kind, build: bool) -> VectorView | None:
        """The view of a kind; None if there are too few vectors for a graph."""
        model = self._catalog.model()
        if model is None or not self._is_large(kind, model):
            return None
        with self._lock:
            model = self._serving()
            return None if model is None else self._current(kind, model, build=build)

    def _serving(self) -> Model | None:
        """The model that serves. Views of another one are let go; the lock is held."""
        model = self._catalog.model()
        if self._model is not None and (model is None or not _same(model, self._model)):
            log.info("%s: another model serves now", self._catalog.folder)
            self._views, self._sizes, self._seen = {}, {}, {}
        self._model = model
        return model

    def rebuild(self) -> None:
        """Read every view anew from the catalog, build the graphs, and publish them."""
        with self._lock:
            model = self._serving()
            if model is None:
                return
            for kind in KINDS:
                view = self._current(kind, model)
                self._read(view, model, graph=len(view) > self._exact_limit)
        self.publish()

    def _discard(self, kind: Kind) -> None:
        """Delete a snapshot of a time when there were more: it would be older every day."""
        try:
            snapshot.discard(self._path(kind))
        except OSError as error:
            log.warning("%s: cannot be deleted: %s", self._path(kind), error.strerror)

    def _save(self, view: VectorView) -> None:
        # No thread updates the view meanwhile, so the mark is that of its last change.
        with self._lock:
            if not view.has_graph or view.saved_seq == view.seq:
                return
            if self._model is None or self._views.get(view.kind) is not view:
                return  # another model serves by now
            try:
                mark = self._catalog.mark(view.seq)
                view.save(self._catalog.identity, self._model.fingerprint, mark)
            except StoreError as error:
                log.warning("%s; the next start searches exactly", error)

    def _path(self, kind: Kind) -> Path:
        return self._catalog.folder / f"{kind}s.usearch"

    def _current(self, kind: Kind, model: Model, *, build: bool = False) -> VectorView:
        """The view of a kind as of the catalog's last change. It has a graph if one was published,
        or is to be built."""
        view = self._views.get(kind)
        if view is None or view.wants_graph:
            view = self._published(kind, model) or view
        if view is None:
            view = self._new(kind, model)
            self._read(view, model, graph=build and self._is_large(kind, model))
        self._follow(view, model, self._catalog.last_change())
        if build and view.wants_graph:
            self._read(view, model, graph=True)
        self._views[kind] = view
        self._sizes[kind] = len(view)
        return view

    def _published(self, kind: Kind, model: Model) -> VectorView | None:
        """The view in the snapshot, if there is a valid snapshot that was not examined before, and
        that is needed."""
        published_at = snapshot.published_at(self._path(kind))
        if published_at == self._seen.get(kind) or not self._is_large(kind, model):
            return None
        self._seen[kind] = published_at
        view = self._new(kind, model)
        return view if self._load(view, model) else None

    def _is_large(self, kind: Kind, model: Model) -> bool:
        return self._catalog.extent(kind, model)[1] > self._exact_limit

    def _new(self, kind: Kind, model: Model) -> VectorView:
        limit = self._exact_limit
        return VectorView(self._path(kind), kind=kind, dim=model.dim, exact_limit=limit)

    def _load(self, view: VectorView, model: Model) -> bool:
        """Load the snapshot, if there is a valid one."""
        if not view.load(self._catalog.identity, model.fingerprint):
            return False
        if self._catalog.mark(view.seq) != view.mark:
            log.warning("%s: is of another history of the catalog; not used", view.path)
            return False
        if not self._complete(view, model):
            log.warning("%s: differs from the catalog; not used", view.path)
            return False
        return True

    def _complete(self, view: VectorView, model: Model) -> bool:
        """Whether the updated view holds as many vectors as the catalog."""
        for _ in range(TRIES):
            seq, count = self._catalog.extent(view.kind, model)
            self._follow(view, model, seq)
            if len(view) == count:
                return True
            if self._catalog.last_change() == seq:
                return False
        return False

    def _read(self, view: VectorView, model: Model, *, graph: bool) -> None:
        seq = self._catalog.last_change()
        view.rebuild(self._catalog.all_embeddings(view.kind, model=model), seq, graph=graph)

    def _follow(self, view: VectorView, model: Model, until: int) -> None:
        if until == view.seq:
            return
        if until < view.seq:
            log.warning("%s: the catalog went back; reading it anew", view.path)
            self._read(view, model, graph=False)
            return
        added, removed = self._catalog.changes(view.kind, view.seq, until, model)
        for start in range(0, len(added), FOLLOW_AT_ONCE):
            some = added[start : start + FOLLOW_AT_ONCE]
            view.apply(*self._catalog.embeddings(some), (), view.seq)
        view.apply((), NO_VECTORS, removed, until)
        if view.wants_rebuild:
            log.info("%s: many vectors were removed; reading the others anew", view.path)
            self._read(view, model, graph=False)


def _same(model: Model, other: Model) -> bool:
    return model.fingerprint == other.fingerprint
