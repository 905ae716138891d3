"""Clusters, outliers and the map as JSON: the same fields for the command line and for HTTP."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any, TypeAlias

from mmembed.collection.exploration import Clusters, Outliers
from mmembed.collection.map_work import MapState
from mmembed.explore.clusters.clusters import Cluster
from mmembed.explore.map.keeper import CurrentMap
from mmembed.explore.map.map_json import map_json
from mmembed.types import Item

Json: TypeAlias = dict[str, Any]
WriteItem: TypeAlias = Callable[[Item], Json]


def clusters_json(found: Clusters, write: WriteItem) -> Json:
    """Groups; each is shown by an item, null if that was removed just now."""
    return {
        "levels": [[_cluster(one, found, write) for one in level] for level in found.levels],
        "pictures": found.pictures,
        "notes": list(found.notes),
    }


def _cluster(one: Cluster, found: Clusters, write: WriteItem) -> Json:
    item = found.items.get(one.representative)
    return {
        "name": None if one.name is None else one.name.text,
        "also": [] if one.name is None else list(one.name.also),
        "sure": None if one.name is None else one.name.sure,
        "size": one.size,
        "parent": one.parent,
        "representative": None if item is None else write(item),
    }


def outliers_json(found: Outliers, write: WriteItem) -> Json:
    """Outliers that are still there."""
    return {
        "outliers": [
            {
                **write(found.items[one.item_id]),
                "distance": one.distance,
                "times_usual": one.times_usual,
                "nearest": one.nearest,
            }
            for one in found.found
            if one.item_id in found.items
        ],
        "pictures": found.pictures,
    }


def current_map_json(current: CurrentMap) -> Json:
    """A map with the present pictures."""
    return {
        **map_json(current.map),
        "pictures": current.pictures,
        "new": current.new,
        "waiting": current.waiting,
        "gone": current.gone,
    }


def map_state_json(state: MapState) -> Json:
    """Whether there is a map, and how far the making of one is."""
    made = None if state.facts is None else datetime.fromisoformat(state.facts.made)
    age = None if made is None else (datetime.now(timezone.utc) - made).total_seconds()
    return {
        "state": "making" if state.making else "none" if state.facts is None else "ready",
        "phase": state.phase,
        "done": state.done,
        "total": state.total,
        "error": state.error,
        "age_s": None if age is None else round(age),
        "map": None if state.facts is None else asdict(state.facts),
    }
