"""Items as rows for people, notebooks and spreadsheets: chosen columns, one row an item."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from mmembed.errors import InputError
from mmembed.filters.fields import META
from mmembed.filters.tree import EVERYTHING, Where
from mmembed.item_json import item_json
from mmembed.store.protocol import Store
from mmembed.types import Hit, Item, Kind

FACTS = (
    *("id", "kind", "path", "captions", "tags", "date", "width", "height", "bytes", "format"),
    *("camera", "lens", "latitude", "longitude", "sha256", "added", "modified"),
)
"""The columns of every list, unless others are chosen; and every field of manifests."""
OF_HITS = ("score", "relevance", "fits")
EMBEDDING, AUTOMATIC_TAGS = "embedding", "automatic_tags"
"""Columns that a list has if it names them: unit vectors, and the tags that label sets alone
gave."""
PAGE = 1000


class ListWriter(Protocol):
    """Writes rows to an open file."""

    def write(self, rows: Sequence[dict[str, Any]]) -> None:
        """Append rows. Raises OSError."""

    def close(self) -> None:
        """Write the end. Raises OSError."""


def columns_of(store: Store, chosen: Sequence[str], *, hits: bool) -> tuple[str, ...]:
    """The columns of a list: the chosen ones, by default all but the last two. hits: of the
    results of a search. Raises InputError for a column that there is not."""
    meta = tuple(one.name for one in store.fields() if one.name.startswith(META))
    usual = (*(OF_HITS if hits else ()), *FACTS, *meta)
    known = {*usual, EMBEDDING, AUTOMATIC_TAGS}
    for name in chosen:
        if name not in known and not name.startswith(META):
            reason = "only the results of a --query have it" if name in OF_HITS else "no such one"
            raise InputError(
                f"--columns {name}: {reason}; there are "
                f"{', '.join((*usual, EMBEDDING, AUTOMATIC_TAGS))}"
            )
    return tuple(dict.fromkeys(chosen)) or usual


def item_pages(store: Store, kind: Kind, where: Where = EVERYTHING) -> Iterator[list[Item]]:
    """The items that pass, by rising id, some at a time."""
    after = 0
    while page := store.page(after=after, limit=PAGE, kind=kind, where=where):
        yield page
        after = page[-1].id


def list_rows(store: Store, items: Sequence[Item], columns: Sequence[str]) -> list[dict[str, Any]]:
    """A row for each item that is still there."""
    captions = store.captions_of([item.id for item in items if item.kind == "image"])
    vectors: dict[int, Any] = {}
    if EMBEDDING in columns:
        ids, stored = store.vectors_of([item.id for item in items])
        vectors = dict(zip(ids, _unit(stored), strict=True)) if ids else {}
    rows = []
    for item in items:
        if EMBEDDING not in columns or item.id in vectors:
            own = captions.get(item.id) or ([item.caption] if item.caption else [])
            values = {**_values(item), "captions": own, EMBEDDING: vectors.get(item.id)}
            rows.append({name: values.get(name) for name in columns})
    return rows


def hit_rows(store: Store, hits: Sequence[Hit], columns: Sequence[str]) -> list[dict[str, Any]]:
    """A row for each result of a search, in their order."""
    rows = list_rows(store, [hit.item for hit in hits], ("id", *columns))
    by_id = {row["id"]: row for row in rows}
    return [
        {
            name: getattr(hit, name) if name in OF_HITS else by_id[hit.item.id][name]
            for name in columns
        }
        for hit in hits
        if hit.item.id in by_id
    ]


def _values(item: Item) -> dict[str, Any]:
    values = item_json(item)
    values["tags"] = list(item.tags)
    values["latitude"], values["longitude"] = item.latitude, item.longitude
    for name, value in (item.meta or {}).items():
        values[META + name] = value
    return values


def _unit(rows: Any) -> Any:
    wide = rows.astype(np.float32)
    return wide / np.linalg.norm(wide, axis=1, keepdims=True)
