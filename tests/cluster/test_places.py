"""Workers have their places on the nodes that are there."""

from __future__ import annotations

from typing import Any

from mmembed.cluster.places import Slot, slots_of


def node(name: str, alive: bool = True, **resources: float) -> dict[str, Any]:
    return {"NodeID": name, "Alive": alive, "Resources": resources}


def test_each_gpu_has_a_worker_and_else_some_processors() -> None:
    nodes = [
        node("small", CPU=2.0, memory=1e9),
        node("large", CPU=17.0),
        node("graphics", CPU=12.0, GPU=2.0),
        node("head", CPU=0.0),
        node("dead", alive=False, CPU=8.0),
    ]
    assert slots_of(nodes) == [
        Slot("small", 0, 2, 0),
        Slot("large", 0, 8, 0),
        Slot("large", 1, 8, 0),
        Slot("graphics", 0, 6, 1),
        Slot("graphics", 1, 6, 1),
    ]
    assert slots_of([]) == []
