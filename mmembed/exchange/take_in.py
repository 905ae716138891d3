"""An export → a store. Items that are there are skipped, so an interrupted import is run again."""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mmembed.errors import InputError, LimitError, ModelMismatch
from mmembed.exchange import cells
from mmembed.exchange.cells import Row
from mmembed.exchange.imported import Imported
from mmembed.exchange.open_export import Export
from mmembed.exchange.take_items import TakingItems
from mmembed.filters.fields import META
from mmembed.item_failures import failure_of
from mmembed.store.entries import KeptOut, Model
from mmembed.store.protocol import Store
from mmembed.types import Failure, Kind, Phase, Progress

FAILURE = ("name", "code", "message")


class TakingIn:
    """Takes the items of an export into a store."""

    def __init__(self, store: Store, export: Export, *, places: bool = True) -> None:
        """places: whether latitudes and longitudes are kept."""
        self._store = store
        self._export = export
        self._report = Imported(rows=export.rows)
        self._items = TakingItems(store, self._report, export.upload, places=places)

    def run(self, progress: Progress, phase: Phase) -> Imported:
        """Take everything in. Raises ModelMismatch before anything is written if the vectors are
        of another model than the collection's; InputError, StoreBusy beside an indexing,
        StoreError."""
        started = time.monotonic()
        report = self._report
        with self._store.exclusive("indexing"):
            self._claim()
            done = 0
            progress(0, report.rows, 0)
            for some in self._export.items():
                self._items.take([one for one in some if not isinstance(one, Failure)])
                report.fail(one for one in some if isinstance(one, Failure))
                done += len(some)
                progress(done, max(done, report.rows), report.failed)
            self._take_vectors(phase)
            self._take_facts()
            phase("saving the index", 0)
            self._store.publish()
        report.seconds = time.monotonic() - started
        return report

    def _claim(self) -> None:
        known, model = self._store.model(), self._export.model
        if known is None:
            check_model(self._export, self._store.name)
        if model is None:
            return
        if known is not None and known.fingerprint != model.fingerprint:
            raise ModelMismatch(_mismatch(self._export, model, self._store.name, known))
        self._store.claim(known or model)

    # -- what belongs to no item alone -----------------------------------------------

    def _take_vectors(self, phase: Phase) -> None:
        """Of further models, which need not serve."""
        manifest = self._export.manifest
        models = {one.fingerprint: one for one in manifest.more_models} if manifest else {}
        for some in self._export.rows_of("vectors"):
            batches: dict[tuple[str, Kind], dict[str, NDArray[np.float32]]] = {}
            for row in some:
                try:
                    fingerprint, kind, sha256, vector = _vector_of(row, models)
                except InputError as error:
                    self._report.fail([failure_of("a vector of a further model", error)])
                    continue
                batches.setdefault((fingerprint, kind), {})[sha256] = vector
            for (fingerprint, of_kind), vectors in batches.items():
                self._store.add_embeddings(of_kind, vectors, models[fingerprint])
                self._report.vectors += len(vectors)
            phase("taking in vectors of further models", self._report.vectors)

    def _take_facts(self) -> None:
        """Failures, files that stay out, records and indexes of fields."""
        for some in self._export.rows_of("failures"):
            failures = [
                Failure(*(cells.needed_text(row, name) for name in FAILURE)) for row in some
            ]
            there = self._store.images_at([failure.name for failure in failures])
            self._store.write([], [one for one in failures if one.name not in there])
        known = self._store.kept_out()
        for some in self._export.rows_of("kept-out"):
            kept = {
                cells.needed_text(row, "path"): KeptOut(
                    cells.text(row, "sha256"), cells.number(row, "device")
                )
                for row in some
            }
            there = self._store.images_at(list(kept))
            new = {path: one for path, one in kept.items() if path not in {*there, *known}}
            self._store.keep_out(new)
        self._take_records()
        for name in self._export.manifest.indexed_fields if self._export.manifest else ():
            try:
                self._store.index_field(name.removeprefix(META))
            except LimitError as error:
                self._report.fail([failure_of(name, error)])

    def _take_records(self) -> None:
        """Records that are there stay."""
        for some in self._export.rows_of("records"):
            for row in some:
                kind, name = cells.needed_text(row, "kind"), cells.text(row, "name") or ""
                if self._store.record(kind, name) is None:
                    self._store.put_records(kind, {name: cells.binary(row, "content") or b""})


def _vector_of(row: Row, models: Mapping[str, Model]) -> tuple[str, Kind, str, NDArray[np.float32]]:
    """Fingerprint of the model, kind, content and vector. Raises InputError."""
    fingerprint = cells.needed_text(row, "fingerprint")
    if fingerprint not in models:
        raise InputError(f"its model, {fingerprint:.12}…, is not in the manifest")
    vector = cells.vector(row.get("embedding"), models[fingerprint].dim)
    kind: Kind = "caption" if row.get("kind") == "caption" else "image"
    return fingerprint, kind, cells.digest(row, "sha256"), vector


def check_model(export: Export, name: str) -> None:
    """Raises InputError where an empty store, with its name, would not learn its model."""
    if export.model is None and export.rows:
        raise InputError(
            f"{export.path}: no row has an embedding with the fingerprint of its model, and "
            f"{name} is empty; `mmembed export` writes both"
        )
    if export.model is not None and not export.model.name:
        raise InputError(
            f"{export.path}: no column names the model, and {name} is empty; add a column model "
            "with its id, such as bundled"
        )


def _mismatch(export: Export, model: Model, name: str, known: Model) -> str:
    if model.name == known.name:
        return (
            f"{export.path} holds vectors of another version of {model.name} (fingerprint "
            f"{model.fingerprint:.12}…) than {name} (fingerprint {known.fingerprint:.12}…), and "
            "the two cannot be compared; import into another store"
        )
    return (
        f"{export.path} holds vectors of {model.name}, and {name} those of {known.name}: the two "
        "cannot be compared; import into another store, or index the pictures with that model"
    )
