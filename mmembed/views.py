"""Keeps the views abreast of the catalog, whoever writes it."""

from __future__ import annotations

import logging
import threading

from mmembed.catalog import Catalog, Model
from mmembed.index import VectorView
from mmembed.types import KINDS, Kind

log = logging.getLogger(__name__)


class Views:
    """One view per kind, loaded at first use and brought up to the catalog at each."""

    def __init__(self, catalog: Catalog, *, exact_limit: int) -> None:
        self._catalog = catalog
        self._exact_limit = exact_limit
        self._views: dict[Kind, VectorView] = {}
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
            self._follow(view)
            return view

    def publish(self) -> None:
        """Save the views that are newer than their snapshots. Raises StoreError."""
        model = self._catalog.model()
        if model is None:
            return
        with self._catalog.write_lock("publishing the views"):
            for kind in KINDS:
                view = self.view(kind)
                if view is not None and view.saved_seq != view.seq:
                    view.save(self._catalog.identity, model.fingerprint)

    def rebuild(self) -> None:
        """Build every view anew from the catalog, and publish it."""
        for kind in KINDS:
            view = self.view(kind)
            if view is not None:
                self._rebuild(view)
        self.publish()

    def _open(self, kind: Kind, model: Model) -> VectorView:
        path = self._catalog.folder / f"{kind}s.usearch"
        view = VectorView(path, kind=kind, dim=model.dim, exact_limit=self._exact_limit)
        loaded = view.load(self._catalog.identity, model.fingerprint)
        if loaded and view.seq <= self._catalog.last_change():
            self._follow(view)
            if len(view) == self._catalog.count_vectors(kind):
                return view
            log.warning("%s: does not hold what the catalog holds; rebuilding it", path)
        self._rebuild(view)
        return view

    def _rebuild(self, view: VectorView) -> None:
        seq = self._catalog.last_change()
        view.rebuild(self._catalog.all_embeddings(view.kind), seq)

    def _follow(self, view: VectorView) -> None:
        until = self._catalog.last_change()
        if until == view.seq:
            return
        added, removed = self._catalog.changes(view.kind, view.seq, until)
        view.apply(*self._catalog.embeddings(added), removed, until)
        if view.wants_rebuild:
            log.info("%s: many vectors were removed; rebuilding the view", view.path)
            self._rebuild(view)
