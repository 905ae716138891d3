"""Lays out a drawn map: dots, small pictures, and the names of clusters.

Pixels count from the left and from the top.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmembed.explore.map.picture_map import PictureMap

SIDE = 2_000
"""Pixels of the longer side of a drawing."""
BORDER = 70
LARGE, SMALL = 104, 56
"""Sides of small pictures: of the ones that stand for clusters, and of others."""
MOST_PICTURES = 300
"""Small pictures on a map: each has to be decoded."""
CROWDED = 10_000
"""Pictures from which dots are smaller."""
LARGEST_TEXT, SMALLEST_TEXT = 44, 22
LETTER = 0.56
"""Width of a letter, in parts of its height."""
COLOURS = (
    *("#4e9bd4", "#f2a63b", "#58b36a", "#e06c6c", "#a484d6", "#c98a5a", "#e58ac0", "#9aa3a8"),
    *("#bfc24a", "#3fb8b8"),
)

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Dots:
    """Dots of one colour."""

    colour: str
    places: NDArray[np.float64]
    """(n, 2)"""


@dataclass(frozen=True)
class SmallPicture:
    """A picture of the collection on the map."""

    item_id: int
    x: float
    y: float
    """Of its middle."""
    side: int
    colour: str


@dataclass(frozen=True)
class MapLabel:
    """The name of a cluster."""

    text: str
    x: float
    y: float
    """Of its middle."""
    size: int
    """Height of the letters."""


@dataclass(frozen=True)
class Drawing:
    """Everything on a drawn map."""

    dots: tuple[Dots, ...]
    radius: float
    pictures: tuple[SmallPicture, ...]
    labels: tuple[MapLabel, ...]
    width: int
    height: int


@dataclass(frozen=True)
class _Frame:
    """The part of the plane where pictures are, and its size in pixels."""

    low: NDArray[np.float64]
    """Smallest x and y."""
    scale: float
    width: int
    height: int

    def pixels(self, points: NDArray[np.uint16]) -> NDArray[np.float64]:
        """uint16 (n, 2) → pixels from the left and from the top."""
        x, y = ((points - self.low) * self.scale + BORDER).T
        return np.stack([x, self.height - y], axis=1)


def _frame_of(points: NDArray[np.uint16]) -> _Frame:
    low = points.min(axis=0).astype(np.float64)
    spans = points.max(axis=0) - low
    scale = (SIDE - 2 * BORDER) / max(float(spans.max()), 1.0)
    width, height = np.maximum(np.round(spans * scale) + 2 * BORDER, SIDE // 2).tolist()
    return _Frame(low, scale, int(width), int(height))


def drawing_of(known: PictureMap) -> Drawing:
    """The drawing of a map: colours are of the first level of clusters, names of the second."""
    frame = _frame_of(known.points)
    places = frame.pixels(known.points)
    by_level = known.labels_by_level()
    colours = by_level[0] % len(COLOURS)
    dots = tuple(
        Dots(COLOURS[colour], places[colours == colour]) for colour in np.unique(colours).tolist()
    )
    labels = tuple(_labels(known, frame))
    taken = [_box_of(label) for label in labels]
    pictures = tuple(_small_pictures(known, places, colours, taken))
    radius = 2.0 if len(known) > CROWDED else 4.0
    return Drawing(dots, radius, pictures, labels, frame.width, frame.height)


def _labels(known: PictureMap, frame: _Frame) -> Iterator[MapLabel]:
    """The names of a level, those of large clusters first, where no other name is."""
    level = min(1, len(known.levels) - 1)
    sizes, middles = known.sizes()[level], known.middles()[level]
    taken: list[Box] = []
    for place in np.argsort(-sizes, kind="stable").tolist():
        name = known.levels[level][place].name
        if name is None or not sizes[place]:
            continue
        share = float(np.sqrt(sizes[place] / sizes.max()))
        size = round(SMALLEST_TEXT + (LARGEST_TEXT - SMALLEST_TEXT) * share)
        x, y = frame.pixels(middles[place][None])[0].tolist()
        half = len(name.text) * size * LETTER / 2
        label = MapLabel(name.text, min(max(x, half), frame.width - half), y, size)
        if _is_free(_box_of(label), taken):
            taken.append(_box_of(label))
            yield label


def _small_pictures(
    known: PictureMap,
    places: NDArray[np.float64],
    colours: NDArray[np.int64],
    taken: list[Box],
) -> Iterator[SmallPicture]:
    """The pictures that stand for clusters, and others between them, as far as there is room."""
    representatives = {one.representative for level in known.levels for one in level}
    stand = np.isin(known.ids, sorted(representatives))
    others = np.flatnonzero(~stand)
    step = max(1, len(others) // (4 * MOST_PICTURES))
    candidates = [(place, LARGE) for place in np.flatnonzero(stand).tolist()]
    candidates += [(place, SMALL) for place in others[::step].tolist()]
    count = 0
    for place, side in candidates:
        x, y = places[place].tolist()
        box = (x - side / 2, y - side / 2, x + side / 2, y + side / 2)
        if count < MOST_PICTURES and _is_free(box, taken):
            taken.append(box)
            count += 1
            yield SmallPicture(int(known.ids[place]), x, y, side, COLOURS[colours[place]])


def _box_of(label: MapLabel) -> Box:
    half = len(label.text) * label.size * LETTER / 2
    return label.x - half, label.y - label.size / 2, label.x + half, label.y + label.size / 2


def _is_free(box: Box, taken: list[Box]) -> bool:
    left, top, right, bottom = box
    return all(
        right <= one[0] or one[2] <= left or bottom <= one[1] or one[3] <= top for one in taken
    )
