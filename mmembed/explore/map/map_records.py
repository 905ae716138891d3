"""Keeps a map in the store, as three records that are written together.

The facts say how the map was made, and what its clusters are: little JSON. The points are the
pictures with their places and clusters. The third record places further pictures.
"""

from __future__ import annotations

import io
import json
import logging
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from mmembed.explore.clusters.clusters import Cluster
from mmembed.explore.clusters.naming import Name
from mmembed.explore.map import varints
from mmembed.explore.map.picture_map import MapFacts, PictureMap
from mmembed.explore.map.placing import Placing
from mmembed.explore.map.plane import Plane
from mmembed.explore.principal_axes import PrincipalAxes

FACTS, POINTS, PLACING = "facts", "points", "placing"
KIND = "map"
FORMAT = 1
"""Maps of another format are not read: they are made anew."""

UNUSABLE = "the map cannot be used (%s); make it anew"

log = logging.getLogger(__name__)


def records_of(known: PictureMap) -> dict[str, bytes]:
    """A map as records, by name."""
    placing = known.placing
    facts = {
        "format": FORMAT,
        "facts": asdict(known.facts),
        "levels": [[asdict(one) for one in level] for level in known.levels],
        "plane": asdict(placing.plane),
    }
    version = np.array(known.facts.version)
    return {
        FACTS: json.dumps(facts).encode(),
        POINTS: _packed(
            version=version,
            ids=np.frombuffer(varints.packed(known.ids), np.uint8),
            points=known.points,
            labels=known.labels,
        ),
        PLACING: _packed(
            version=version,
            mean=placing.axes.mean,
            basis=placing.axes.basis,
            rows=placing.rows,
            points=placing.points,
            centres=known.centres,
        ),
    }


def facts_of(record: bytes) -> MapFacts | None:
    """How the map of a FACTS record was made; None of a damaged one, or of another format."""
    try:
        return MapFacts(**_known(record)["facts"])
    except _DAMAGES as error:
        log.warning(UNUSABLE, error)
        return None


def map_of(records: Mapping[str, bytes]) -> PictureMap | None:
    """The map of these records; None if they are damaged, of another format, or of two maps."""
    try:
        known = _known(records[FACTS])
        facts = MapFacts(**known["facts"])
        points, placing = _unpacked(records[POINTS]), _unpacked(records[PLACING])
        if {str(points["version"]), str(placing["version"])} != {facts.version}:
            raise ValueError("its parts are of two maps")
        axes = PrincipalAxes(placing["mean"], placing["basis"])
        return PictureMap(
            facts,
            varints.unpacked(points["ids"].tobytes()),
            points["points"],
            points["labels"],
            tuple(tuple(map(_cluster, level)) for level in known["levels"]),
            placing["centres"],
            Placing(axes, Plane(**known["plane"]), placing["rows"], placing["points"]),
        )
    except _DAMAGES as error:
        log.warning(UNUSABLE, error)
        return None


_DAMAGES = (ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile)


def _known(record: bytes) -> dict[str, Any]:
    known: dict[str, Any] = json.loads(record)
    if known["format"] != FORMAT:
        raise ValueError(f"format {known['format']}")
    return known


def _cluster(kept: dict[str, Any]) -> Cluster:
    name = kept["name"]
    return Cluster(
        kept["size"],
        kept["representative"],
        None if name is None else Name(name["text"], tuple(name["also"]), name["sure"]),
        kept["parent"],
    )


def _packed(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def _unpacked(record: bytes) -> dict[str, Any]:
    """Raises ValueError, BadZipFile for damaged bytes: each array has a checksum."""
    with np.load(io.BytesIO(record), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}
