"""A map as JSON: its arrays as base64, so that 100,000 pictures are less than a megabyte."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from mmembed.explore.map import varints
from mmembed.explore.map.picture_map import PictureMap, density

CELLS = 64
"""Of the density, on each side."""


def map_json(known: PictureMap) -> dict[str, Any]:
    """All that is needed to draw the map; see docs/http.md."""
    counts = density(known.points, CELLS)
    return {
        "version": known.facts.version,
        "made": known.facts.made,
        "reducer": known.facts.reducer,
        "model": known.facts.model,
        "placed": len(known),
        "ids": _text(varints.packed(known.ids)),
        "x": _text(known.points[:, 0].astype("<u2").tobytes()),
        "y": _text(known.points[:, 1].astype("<u2").tobytes()),
        "cluster": _text(known.labels.tobytes()),
        "levels": _levels(known),
        "density": {"cells": CELLS, "counts": _text(counts.astype("<u4").tobytes())},
    }


def _levels(known: PictureMap) -> list[list[dict[str, Any]]]:
    return [
        [
            {
                "name": None if one.name is None else one.name.text,
                "also": [] if one.name is None else list(one.name.also),
                "sure": None if one.name is None else one.name.sure,
                "size": size,
                "representative": one.representative,
                "parent": one.parent,
                "x": x,
                "y": y,
            }
            for one, size, (x, y) in zip(level, sizes.tolist(), middles.tolist(), strict=True)
        ]
        for level, sizes, middles in zip(known.levels, known.sizes(), known.middles(), strict=True)
    ]


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def numbers_of(text: str, kind: str) -> np.ndarray[Any, Any]:
    """The array of a field, of a NumPy dtype such as `<u2`: for clients in Python."""
    return np.frombuffer(base64.b64decode(text), kind)
