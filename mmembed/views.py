"""Keeps the views abreast of the catalog, whoever writes it."""

from __future__ import annotations

import logging
import threading

import numpy as np

from mmembed.catalog import Catalog, Model
from mmembed.errors import StoreError
from mmembed.index import VectorView
from mmembed.types import KINDS, Kind

log = logging.getLogger(__name__)

FOLLOW_AT_ONCE = 10_000
"""Vectors that are read from the catalog in one go."""
TRIES = 5
"""How often a view may find that the catalog has changed while it was compared with it."""
NO_VECTORS = np.empty((0, 0), dtype=np.float16)


class Views:
    """One view per kind, loaded at first use and brought up to the catalog at each.

    The only locks that are held together are the publishing lock, this one's, a view's
    and the catalog's, taken in that order.
    """

    def __init__(self, catalog: Catalog, *, exact_limit: int) -> None:
        self._catalog = catalog
        self._exact_limit = exact_limit
        self._views: dict[Kind, VectorView] = {}
        self._sizes: dict[Kind, int] = {}
        self._lock = threading.Lock()

    def view(self, kind: Kind) -> VectorView | None:
        """The view of a kind as of the catalog's last change; None while nothing was indexed."""
        with self._lock:
            model = self._catalog.model()
            if model is None:
                return None
            view = self._views.get(kind)
            if view is None:
                view = self._views[kind] = self._open(kind, model)
            self._follow(view, self._catalog.last_change())
            self._sizes[kind] = len(view)
            return view

    def sizes(self) -> dict[Kind, int]:
        """Vectors in each view that is loaded, as of when it was last used."""
        return dict(self._sizes)  # asking the views would wait while one is rebuilt

    def publish(self) -> None:
        """Save the views that are newer than their snapshots.

        Where they cannot be saved, on a full disk for example, that is logged and nothing is
        lost but time: the next start builds them anew. Raises StoreBusy.
        """
        model = self._catalog.model()
        if model is None:
            return
        for kind in KINDS:
            self.view(kind)  # what takes long is done before anybody has to wait
        with self._catalog.publishing_lock():
            for kind in KINDS:
                view = self.view(kind)
                if view is not None and view.saved_seq != view.seq:
                    self._save(view, model)

    def rebuild(self) -> None:
        """Build every view anew from the catalog, and publish it."""
        for kind in KINDS:
            view = self.view(kind)
            if view is not None:
                with self._lock:
                    self._rebuild(view)
        self.publish()

    def _save(self, view: VectorView, model: Model) -> None:
        # Nobody follows meanwhile, so that the mark is that of the view's last change.
        with self._lock:
            try:
                mark = self._catalog.mark(view.seq)
                view.save(self._catalog.identity, model.fingerprint, mark)
            except StoreError as error:
                log.warning("%s; the next start will build the view anew", error)

    def _open(self, kind: Kind, model: Model) -> VectorView:
        path = self._catalog.folder / f"{kind}s.usearch"
        view = VectorView(path, kind=kind, dim=model.dim, exact_limit=self._exact_limit)
        if view.load(self._catalog.identity, model.fingerprint):
            if self._catalog.mark(view.seq) != view.mark:
                log.warning("%s: is of another history of the catalog; rebuilding it", path)
            elif self._complete(view):
                return view
            else:
                log.warning("%s: does not hold what the catalog holds; rebuilding it", path)
        self._rebuild(view)
        return view

    def _complete(self, view: VectorView) -> bool:
        """Whether the view, brought up to the catalog, holds as many vectors as it."""
        for _ in range(TRIES):
            seq, count = self._catalog.extent(view.kind)
            self._follow(view, seq)
            if len(view) == count:
                return True
            if self._catalog.last_change() == seq:
                return False
        return False

    def _rebuild(self, view: VectorView) -> None:
        seq = self._catalog.last_change()
        view.rebuild(self._catalog.all_embeddings(view.kind), seq)

    def _follow(self, view: VectorView, until: int) -> None:
        if until == view.seq:
            return
        if until < view.seq:
            log.warning("%s: the catalog went back; rebuilding the view", view.path)
            self._rebuild(view)
            return
        added, removed = self._catalog.changes(view.kind, view.seq, until)
        for start in range(0, len(added), FOLLOW_AT_ONCE):
            some = added[start : start + FOLLOW_AT_ONCE]
            view.apply(*self._catalog.embeddings(some), (), view.seq)
        view.apply((), NO_VECTORS, removed, until)
        if view.wants_rebuild:
            log.info("%s: many vectors were removed; rebuilding the view", view.path)
            self._rebuild(view)
