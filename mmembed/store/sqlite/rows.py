"""Rows of the catalog as items and vectors."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from mmembed.store.entries import LARGEST, storable
from mmembed.store.item_columns import HEADER
from mmembed.store.record_protocol import read_automatic_tags
from mmembed.types import HeaderFacts, Item

T = TypeVar("T")

_AUTOMATIC = (
    "(SELECT json_group_array(json_array("
    "CAST(tag AS TEXT), CAST(score AS REAL), CAST(label_set AS TEXT))) "
    "FROM automatic_tags AS given WHERE item_id = items.id AND NOT EXISTS (SELECT 1 "
    "FROM tag_sources AS said WHERE said.item_id = given.item_id AND said.tag = given.tag))"
)
"""Tags that label sets alone gave, for `read_automatic_tags`."""
COLUMNS = (
    "items.id, items.kind, items.sha256, items.path, items.caption, items.image_id, "
    "items.width, items.height, items.bytes, items.format, items.mtime_ns, "
    "(SELECT group_concat(tag, char(31)) FROM tags WHERE item_id = items.id), "
    f"{_AUTOMATIC}, "
    f"items.date, items.added, items.meta, {', '.join(f'items.{name}' for name in HEADER)}"
)
SERVING = "(SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'serving_model')"
"""SQL for the id of the model that serves; NULL where there is none."""
TAG_SEPARATOR = "\x1f"
SQL_VARIABLES = 500
"""Ids bound in one statement; older SQLite allows 999."""


def chunks(keys: Sequence[T]) -> Iterator[Sequence[T]]:
    """As many keys at a time as one statement may bind."""
    for start in range(0, len(keys), SQL_VARIABLES):
        yield keys[start : start + SQL_VARIABLES]


def marks(keys: Sequence[T]) -> str:
    """Question marks, one per key, for `IN (…)`."""
    return ",".join("?" * len(keys))


def stack(blobs: Sequence[bytes]) -> NDArray[np.float16]:
    """Stored embeddings as float16 (n, dim)."""
    if not blobs:
        return np.empty((0, 0), dtype=np.float16)
    return np.frombuffer(b"".join(blobs), dtype="<f2").reshape(len(blobs), -1)


def to_item(row: tuple[Any, ...]) -> Item:
    """The item of a row of COLUMNS."""
    item_id, kind, sha256, path, caption, image_id, width, height, size, form, mtime, *more = row
    tags, automatic, date, added, meta, *header = more
    return Item(
        id=item_id,
        kind=kind,
        sha256=_text(sha256) or "",
        path=_text(path),
        caption=_text(caption),
        image_id=image_id,
        tags=tuple(sorted(str(tags).split(TAG_SEPARATOR))) if tags else (),
        automatic_tags=read_automatic_tags(automatic),
        width=_number(width),
        height=_number(height),
        bytes=_number(size),
        format=_text(form),
        mtime_ns=_number(mtime),
        date=_text(date),
        added=_number(added),
        meta=None if meta is None else _object(meta),
        **{name: convert(value) for (name, convert), value in zip(_FACTS, header, strict=True)},
    )


def local_time(mtime_ns: int) -> str:
    """Nanoseconds since 1970 as local time: YYYY-MM-DDTHH:MM:SS."""
    return datetime.fromtimestamp(storable(mtime_ns) // 10**9).isoformat()


def legible(text: bytes) -> str:
    """Text of a column, even if it is damaged."""
    return text.decode("utf-8", "backslashreplace")


def _text(value: Any) -> str | None:
    """A column may hold any type; one odd row must not spoil its page."""
    if value is None or type(value) is str:
        return value
    return legible(value) if isinstance(value, bytes) else str(value)


def _number(value: Any) -> int | None:
    return value if type(value) is int else None


def _real(value: Any) -> float | None:
    return float(value) if type(value) in (int, float) and math.isfinite(value) else None


def _object(text: Any) -> dict[str, object] | None:
    try:
        value = json.loads(text, parse_int=_whole)
    except (TypeError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _whole(text: str) -> float:
    """As SQLite reads it: JSON knows longer numbers than answers can hold."""
    number = int(text) if len(text) < 21 else LARGEST + 1
    return number if storable(number) == number else float(text)


_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "str | None": _text,
    "int | None": _number,
    "float | None": _real,
}
_FACTS = tuple((field.name, _CONVERSIONS[str(field.type)]) for field in fields(HeaderFacts))
