"""The places for workers on the nodes of a cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

CPUS = 8
"""Processors of one worker on a node without a GPU; all, where the node has fewer."""


class Slot(NamedTuple):
    """A place for one worker on a node."""

    node: str
    number: int
    cpus: int
    gpus: int


def slots_of(nodes: Sequence[Mapping[str, Any]]) -> list[Slot]:
    """A worker for each GPU of a node; without any, one for every CPUS processors."""
    slots: list[Slot] = []
    for node in nodes:
        cpus = int(node["Resources"].get("CPU", 0))
        gpus = int(node["Resources"].get("GPU", 0))
        if not node["Alive"] or not cpus:
            continue
        workers = gpus or max(1, cpus // CPUS)
        each = max(1, cpus // workers)
        slots += [Slot(node["NodeID"], n, each, min(gpus, 1)) for n in range(workers)]
    return slots
