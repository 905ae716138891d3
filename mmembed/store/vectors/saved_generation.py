"""A generation with its cells as a snapshot: written, and read again."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from mmembed.errors import StoreError
from mmembed.store.vectors import snapshot
from mmembed.store.vectors.cell_codes import CellCodes
from mmembed.store.vectors.cells import Cells
from mmembed.store.vectors.centroids import Centroids
from mmembed.store.vectors.generation import Generation
from mmembed.store.vectors.reach import Reach
from mmembed.store.vectors.rotation import Rotation
from mmembed.store.vectors.snapshot import Stamp
from mmembed.store.vectors.table import Table

log = logging.getLogger(__name__)


def read(path: Path, expected: Stamp) -> tuple[Generation, str] | None:
    """The generation of a snapshot and the mark of its last change; None where the snapshot is
    missing or cannot be trusted."""
    known = snapshot.read(path, expected)
    if known is None:
        return None
    content, stamp = known
    try:
        parts = snapshot.parted(content, stamp)
    except StoreError as error:
        log.warning("%s: %s; not used", path, error)
        return None
    rotation, centroids = Rotation(parts.axes), Centroids(parts.centroids)
    vectors = CellCodes(parts.starts, parts.cell_ids, parts.codes, rotation.lead)
    cells = Cells(rotation, centroids, vectors, covers=stamp.covers, clustered=stamp.clustered)
    measured = (stamp.surely, stamp.spread, stamp.recall, stamp.promise)
    cells.reach = Reach.of(stamp.bands, stamp.beside, *measured)
    return Generation(Table.of(parts.ids, parts.vectors), stamp.seq).with_cells(cells), stamp.mark


def write(path: Path, generation: Generation, view: Stamp, mark: Callable[[int], str]) -> None:
    """Publish a snapshot of a generation that has cells. view: the identity of its view. mark: the
    mark of a change of the catalog. Raises StoreError."""
    cells = generation.cells
    assert cells is not None
    stamp = replace(
        view,
        seq=generation.seq,
        mark=mark(generation.seq),
        count=len(generation),
        cells=len(cells.centroids),
        in_cells=len(cells),
        covers=cells.covers,
        clustered=cells.clustered,
        **asdict(cells.reach),
    )
    vectors = cells.vectors
    arrays = (cells.rotation.axes, cells.centroids.codes)
    arrays_of_cells = (vectors.starts, vectors.ids, vectors.codes)
    try:
        parts = snapshot.parts_of((*arrays, *arrays_of_cells), generation.table)
        snapshot.write(path, parts, stamp)
    except OSError as error:
        raise StoreError(f"{path}: cannot be written: {error.strerror}") from error
