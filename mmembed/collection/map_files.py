"""A map → a file for people or for other programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from mmembed import files
from mmembed.cancellation import current_caller
from mmembed.collection.collection import Collection
from mmembed.collection.exploring import CurrentMap
from mmembed.collection.exploring_json import current_map_json
from mmembed.errors import ImageError, InputError, NotFound, StoreError, StoreFull
from mmembed.explore.map.drawing import Drawing, drawing_of
from mmembed.explore.map.svg import BACKGROUND, INK, svg_of
from mmembed.media.map_painting import Painting, paint, square_picture
from mmembed.types import Progress

ENDINGS = (".svg", ".png", ".csv", ".json")
THUMBNAIL = 320
PAGE = 1_000


def check_ending(path: Path) -> None:
    """Raises InputError for a file that no map can be written to."""
    if path.suffix.lower() not in ENDINGS:
        raise InputError(f"--out {path}: a map is a file that ends with {', '.join(ENDINGS)}")
    if path.is_dir() or not path.parent.is_dir():
        raise InputError(f"--out {path}: expected a file in a folder that is there")


def write_map(collection: Collection, current: CurrentMap, path: Path, progress: Progress) -> int:
    """Write a map, in the form that the ending of the file names; returns its bytes. Pictures whose
    files are gone are drawn as dots. Raises InputError, StoreError, StoreFull."""
    check_ending(path)
    content = _WRITERS[path.suffix.lower()](collection, current, progress)
    try:
        files.replace(path, content)
    except OSError as error:
        kind = StoreFull if files.is_full(error) else StoreError
        raise kind(f"{path}: cannot be written: {error.strerror}") from error
    return len(content)


def _svg(collection: Collection, current: CurrentMap, progress: Progress) -> bytes:
    drawing = drawing_of(current.map)
    sides = {one.item_id: one.side for one in drawing.pictures}
    thumbnails = _thumbnails(collection, drawing, progress)
    pictures = {key: square_picture(data, sides[key]) for key, data in thumbnails.items()}
    paths = {item.id: item.path or "" for item in collection.store.items(list(sides))}
    return svg_of(drawing, pictures, paths).encode("utf-8", "replace")


def _png(collection: Collection, current: CurrentMap, progress: Progress) -> bytes:
    drawing = drawing_of(current.map)
    thumbnails = _thumbnails(collection, drawing, progress)
    return paint(
        Painting(drawing.width, drawing.height, BACKGROUND, INK),
        [(some.colour, some.places) for some in drawing.dots],
        drawing.radius,
        [
            (one.x, one.y, one.side, one.colour, thumbnails[one.item_id])
            for one in drawing.pictures
            if one.item_id in thumbnails
        ],
        [(one.x, one.y, one.size, one.text) for one in drawing.labels],
    )


def _thumbnails(collection: Collection, drawing: Drawing, progress: Progress) -> dict[int, bytes]:
    found = {}
    for done, one in enumerate(drawing.pictures, 1):
        current_caller().check()
        with suppress(NotFound, ImageError):  # else a dot stands for it
            found[one.item_id] = collection.thumbnail(one.item_id, THUMBNAIL)[0]
        progress(done, len(drawing.pictures), 0)
    return found


def _csv(collection: Collection, current: CurrentMap, progress: Progress) -> bytes:
    known = current.map
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    levels = range(1, len(known.levels) + 1)
    writer.writerow(["id", "x", "y", *(f"cluster_{level}" for level in levels), "path"])
    names = [
        [f"{place} {one.name.text}" if one.name else str(place) for place, one in enumerate(level)]
        for level in known.levels
    ]
    labels = known.labels_by_level()
    for start in range(0, len(known), PAGE):
        part = slice(start, start + PAGE)
        ids = known.ids[part].tolist()
        paths = {item.id: item.path or "" for item in collection.store.items(ids)}
        of_level = [
            [some[label] for label in own[part].tolist()]
            for some, own in zip(names, labels, strict=True)
        ]
        for row in zip(ids, known.points[part].tolist(), *of_level, strict=True):
            item_id, (x, y), *clusters = row
            writer.writerow([item_id, x, y, *clusters, paths.get(item_id, "")])
        progress(min(start + PAGE, len(known)), len(known), 0)
    return text.getvalue().encode("utf-8", "backslashreplace")


def _json(collection: Collection, current: CurrentMap, progress: Progress) -> bytes:
    return json.dumps(current_map_json(current)).encode()


_WRITERS: dict[str, Callable[[Collection, CurrentMap, Progress], bytes]] = {
    ".svg": _svg,
    ".png": _png,
    ".csv": _csv,
    ".json": _json,
}
