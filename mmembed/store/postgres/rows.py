"""Rows of PostgreSQL as items and vectors."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmembed.store.entries import LARGEST, storable
from mmembed.store.item_columns import HEADER
from mmembed.store.mean_of_chunks import mean_of
from mmembed.store.record_protocol import read_automatic_tags
from mmembed.types import Item

_PLAIN = (
    *("id", "kind", "sha256", "path", "caption", "image_id", "width", "height", "bytes"),
    *("format", "mtime_ns", "date", "added", *HEADER),
)
"""Columns that are an item's attributes as they are."""
COLUMNS = (
    f"{', '.join(f'items.{name}' for name in _PLAIN)}, items.meta::text, "
    "ARRAY(SELECT tag FROM tags WHERE tags.item_id = items.id ORDER BY tag), "
    "(SELECT json_agg(json_build_array(tag, score, label_set))::text FROM automatic_tags AS given "
    "WHERE given.item_id = items.id AND NOT EXISTS (SELECT 1 FROM tag_sources AS said "
    "WHERE said.item_id = given.item_id AND said.tag = given.tag))"
)
SERVING = "(SELECT value::integer FROM meta WHERE key = 'serving_model')"
"""SQL for the id of the model that serves; NULL where there is none."""
EMBEDDING = "halfvec_send({})"
"""SQL for a stored vector in the form that `halves` reads."""
_HEAD = 4
"""Bytes before the numbers of a vector in its binary form."""


def to_item(row: Sequence[Any]) -> Item:
    """The item of a row of COLUMNS."""
    *plain, meta, tags, automatic = row
    return Item(
        **dict(zip(_PLAIN, plain, strict=True)),
        tags=tuple(tags),
        automatic_tags=read_automatic_tags(automatic),
        meta=None if meta is None else _object(meta),
    )


def halves(contents: Sequence[bytes]) -> NDArray[np.float16]:
    """Vectors in their binary form as float16 (n, dim)."""
    if not contents:
        return np.empty((0, 0), dtype=np.float16)
    joined = b"".join(content[_HEAD:] for content in contents)
    rows: NDArray[np.float16] = np.frombuffer(joined, dtype=">f2").astype("<f2")
    return rows.reshape(len(contents), -1)


def of_contents(rows: Iterable[tuple[Any, bytes]]) -> dict[Any, NDArray[np.float16]]:
    """Stored vectors by key: where a key has several, their mean."""
    contents: dict[Any, list[bytes]] = {}
    for key, embedding in rows:
        contents.setdefault(key, []).append(embedding)
    return {
        key: halves(some)[0] if len(some) == 1 else mean_of(halves(some))
        for key, some in contents.items()
    }


def _object(text: str) -> dict[str, object]:
    value = json.loads(text, parse_int=_whole)
    return dict(sorted(value.items()))


def _whole(text: str) -> float:
    """JSON knows longer numbers than answers can hold."""
    number = int(text) if len(text) < 21 else LARGEST + 1
    return number if storable(number) == number else float(text)
