"""A generation with its graph as a snapshot: written, and read again."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from mmembed.errors import StoreError
from mmembed.store.vectors import snapshot
from mmembed.store.vectors.generation import Generation
from mmembed.store.vectors.hnsw import Graph
from mmembed.store.vectors.reach import Reach
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
        in_graph, ids, vectors = snapshot.parted(content, stamp)
        graph = Graph(in_graph, dim=stamp.dim, nodes=stamp.nodes, covers=stamp.covers)
    except StoreError as error:
        log.warning("%s: %s; not used", path, error)
        return None
    graph.reach = Reach.of(stamp.expansion, stamp.recall, stamp.promise, stamp.further)
    return Generation(Table.of(ids, vectors), stamp.seq).with_graph(graph), stamp.mark


def write(path: Path, generation: Generation, view: Stamp, mark: Callable[[int], str]) -> None:
    """Publish a snapshot of a generation that has a graph. view: the identity of its view. mark:
    the mark of a change of the catalog. Raises StoreError."""
    graph = generation.graph
    assert graph is not None
    stamp = replace(
        view,
        seq=generation.seq,
        mark=mark(generation.seq),
        count=len(generation),
        nodes=graph.nodes,
        covers=graph.covers,
        graph_bytes=len(graph.content),
        **asdict(graph.reach),
    )
    try:
        snapshot.write(path, snapshot.parts_of(graph.content, generation.table), stamp)
    except OSError as error:
        raise StoreError(f"{path}: cannot be written: {error.strerror}") from error
