"""Keeps the views abreast of the catalog, whichever process writes it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mmembed.errors import StoreError
from mmembed.store.entries import Model
from mmembed.store.sqlite import Catalog
from mmembed.store.sqlite.lock_files import WRITE_WAIT_S
from mmembed.store.vectors import RECALL, VectorView, snapshot
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

    Few vectors are read from the catalog. With more than `exact_limit`, publishing puts them into
    cells and saves these, and other processes load them. Until then search is exact, for any number
    of vectors: no start waits for cells.

    While the catalog does not change, no lock is taken. Cells are built without a lock that
    searches or changes need. The only locks that are held together are the publishing lock, this
    one's, that of starting threads, a view's and the catalog's, taken in that order.
    """

    def __init__(self, catalog: Catalog, *, exact_limit: int, recall: float = RECALL) -> None:
        """recall: the share of the nearest ten vectors that cells must find."""
        self._catalog = catalog
        self._exact_limit = exact_limit
        self._recall = recall
        self._model: Model | None = None
        """The model whose vectors the views hold."""
        self._views: dict[Kind, VectorView] = {}
        self._seen: dict[Kind, int | None] = {}
        """When the last examined snapshot was published."""
        self._current: dict[Kind, int] = {}
        """The version of the catalog that each view holds."""
        self._working: dict[Kind, threading.Thread] = {}
        """Threads that build or load cells while others answer."""
        self._starting = threading.Lock()
        """Held while such a thread is started, and while this is closed."""
        self._closed = threading.Event()
        self.failed: str | None = None
        """Why the last search found no view; None if it did."""
        self._lock = threading.Lock()

    def view(self, kind: Kind) -> VectorView | None:
        """The view of a kind as of the catalog's last change; None while nothing was indexed."""
        try:
            current = self._current.get(kind)  # before the view that it is the version of
            view = self._views.get(kind)
            if self._catalog.version() != current or self._published_since(kind, view):
                with self._lock:
                    view = self._brought_up(kind)
        except Exception as error:
            self.failed = f"{kind}s cannot be searched: {error}"
            raise
        self.failed = None
        return view

    def _brought_up(self, kind: Kind) -> VectorView | None:
        version = self._catalog.version()  # before what it stands for is read
        model = self._serving()
        if model is None:
            return None
        view = self._followed(kind, model)
        self._current[kind] = version
        return view

    def last_view(self, kind: Kind) -> VectorView | None:
        """`view`, without comparing with the catalog if it is loaded."""
        return self._views.get(kind) or self.view(kind)

    def loaded(self, kind: Kind) -> VectorView | None:
        """The view of a kind if it is loaded, of whatever change."""
        return self._views.get(kind)

    def sizes(self) -> dict[Kind, int]:
        """Vectors in each view that is loaded, as of when it was last used."""
        return {kind: len(view) for kind, view in self._views.items()}

    def close(self) -> None:
        """Stop building and loading cells; waits until they have stopped."""
        with self._starting:
            self._closed.set()
            threads = list(self._working.values())
        for thread in threads:
            thread.join()

    # -- publishing ------------------------------------------------------------------

    def publish(self, *, build: bool = True) -> None:
        """Save the cells that are not in their snapshots. Missing cells, and cells that are behind
        their vectors, are built first, unless they are not wanted now.

        If they cannot be saved, on a full disk for example, that is logged and costs only time: the
        next start searches exactly. Raises StoreBusy.
        """
        if self._catalog.model() is None:
            return
        kinds = KINDS if build else tuple(self._views)
        for kind in kinds:  # the slow part is done before other threads have to wait
            view = self._large(kind)
            if build and view is not None and view.wants_build:
                view.build()
        with self._catalog.exclusive("publishing", wait_s=WRITE_WAIT_S):
            for kind in kinds:
                view = self._large(kind)
                if view is None:
                    self._discard(kind)
                else:
                    self._save(view)

    def rebuild(self) -> None:
        """Read every view anew from the catalog, build the cells, and publish them."""
        model = self._catalog.model()
        if model is None:
            return
        for kind in KINDS:
            view = self._new(kind, model)
            self._read(view, model, cells=self._is_large(kind, model))
            self._take(view, model)
        self.publish()

    def _large(self, kind: Kind) -> VectorView | None:
        """The view of a kind; None if there are too few vectors for cells."""
        model = self._catalog.model()
        return self.view(kind) if model is not None and self._is_large(kind, model) else None

    def _discard(self, kind: Kind) -> None:
        """Delete a snapshot of a time when there were more: it would be older every day."""
        try:
            snapshot.discard(self._path(kind))
        except OSError as error:
            log.warning("%s: cannot be deleted: %s", self._path(kind), error.strerror)

    def _save(self, view: VectorView) -> None:
        model = self._model
        if not view.unsaved or model is None or self._views.get(view.kind) is not view:
            return  # another model serves by now
        try:
            view.save(self._catalog.identity, model.fingerprint, self._catalog.mark)
            # Else the view would be read from it, once outgrown, while its next cells are built.
            self._seen[view.kind] = snapshot.published_at(view.path)
        except StoreError as error:
            log.warning("%s; the next start searches exactly", error)

    # -- following, with the lock held -----------------------------------------------

    def _serving(self) -> Model | None:
        """The model that serves. Views of another one are let go."""
        model = self._catalog.model()
        if self._model is not None and (model is None or not _same(model, self._model)):
            log.info("%s: another model serves now", self._catalog.folder)
            self._current = {}  # first: while it names a view, no lock is taken
            self._views, self._seen = {}, {}
        self._model = model
        return model

    def _followed(self, kind: Kind, model: Model) -> VectorView:
        """The view of a kind as of the catalog's last change. It has cells if some were
        published."""
        view = self._views.get(kind)
        if view is None or self._published_since(kind, view):
            view = self._published(kind, model, view) or view
        if view is None:
            view = self._new(kind, model)
            self._read(view, model, cells=False)
        self._follow(view, model, self._catalog.last_change())
        self._views[kind] = view
        if view.is_outgrown:
            self._work(kind, view.build)
        return view

    def _published_since(self, kind: Kind, view: VectorView | None) -> bool:
        """Whether a view lacks cells, or has outgrown its own, and a snapshot was published that
        was not examined before."""
        if view is None or not (view.wants_cells or view.is_outgrown):
            return False
        return snapshot.published_at(self._path(kind)) != self._seen.get(kind)

    def _published(self, kind: Kind, model: Model, view: VectorView | None) -> VectorView | None:
        """The view in the snapshot, if there is a valid snapshot that is needed. Beside a view that
        answers, a large one is loaded in the background, and takes its place later."""
        if not self._is_large(kind, model):
            return None
        self._seen[kind] = snapshot.published_at(self._path(kind))
        newer = self._new(kind, model)
        if view is not None and snapshot.is_large(self._path(kind)):
            self._work(kind, lambda: self._load_beside(newer, model))
            return None
        return newer if self._load(newer, model) else None

    def _load_beside(self, view: VectorView, model: Model) -> None:
        if self._load(view, model):
            self._take(view, model)

    def _take(self, view: VectorView, model: Model) -> None:
        """Have a view answer, in place of another one of its kind; the lock is not held."""
        with self._lock:
            serving = self._serving()
            if serving is not None and _same(serving, model):
                self._follow(view, model, self._catalog.last_change())
                self._views[view.kind] = view

    def _work(self, kind: Kind, task: Callable[[], object]) -> None:
        """Run a task in the background, unless another one of this kind runs."""

        def work() -> None:
            try:
                task()
            except StoreError as error:
                log.warning("%s; searching as before", error)
            finally:
                del self._working[kind]

        with self._starting:
            if kind not in self._working and not self._closed.is_set():
                thread = threading.Thread(target=work, name=f"{kind}s.usearch", daemon=True)
                self._working[kind] = thread
                thread.start()

    # -- views -----------------------------------------------------------------------

    def _path(self, kind: Kind) -> Path:
        return self._catalog.folder / f"{kind}s.usearch"

    def _is_large(self, kind: Kind, model: Model) -> bool:
        return self._catalog.extent(kind, model)[1] > self._exact_limit

    def _new(self, kind: Kind, model: Model) -> VectorView:
        return VectorView(
            self._path(kind),
            kind=kind,
            dim=model.dim,
            exact_limit=self._exact_limit,
            recall=self._recall,
            go_on=lambda: not self._closed.is_set(),
        )

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

    def _read(self, view: VectorView, model: Model, *, cells: bool) -> None:
        seq, count = self._catalog.extent(view.kind, model)
        batches = self._catalog.all_embeddings(view.kind, model=model)
        view.rebuild(batches, seq, cells=cells, expected=count)

    def _follow(self, view: VectorView, model: Model, until: int) -> None:
        if until == view.seq:
            return
        if until < view.seq:
            log.warning("%s: the catalog went back; reading it anew", view.path)
            self._read(view, model, cells=False)
            return
        added, removed = self._catalog.changes(view.kind, view.seq, until, model)
        for start in range(0, len(added), FOLLOW_AT_ONCE):
            some = added[start : start + FOLLOW_AT_ONCE]
            view.apply(*self._catalog.embeddings(some), (), view.seq)
        view.apply((), NO_VECTORS, removed, until)


def _same(model: Model, other: Model) -> bool:
    return model.fingerprint == other.fingerprint
