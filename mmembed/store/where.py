"""Which items are meant: a small tree of conditions that every store compiles for itself.

    Where = All | Any | Not | Test(field, operator, value)

The tree is made once, from words or from JSON (`mmembed.search.where`). Field names and types are
checked there, so that a store meets known fields alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

Operator: TypeAlias = Literal[
    "=", "!=", "<", "<=", ">", ">=", "in", "between", "exists", "startswith", "contains"
]
FieldType: TypeAlias = Literal["text", "number", "date", "json"]
Value: TypeAlias = str | float | int | bool | tuple[str | float | int | bool, ...]

META = "meta."
"""Prefix of the fields that manifests bring: `meta.author`."""

FIELDS: Mapping[str, FieldType] = {
    "kind": "text",
    "tag": "text",
    "folder": "text",
    "path": "text",
    "format": "text",
    "width": "number",
    "height": "number",
    "megapixels": "number",
    "orientation": "text",
    "bytes": "number",
    "date": "date",
    "camera": "text",
    "lens": "text",
    "latitude": "number",
    "longitude": "number",
    "added": "date",
    "caption": "text",
}
"""Every field but those of manifests, with the type of its values.

`folder` with `=` means the folder and all below it. `orientation` is landscape, portrait or square.
`date` is when the picture was taken, else when its file was changed. A date is ISO 8601 in local
time, and may be short: `2024-05` with `=` is all of May.
"""


@dataclass(frozen=True)
class Test:
    """One condition on one field. A field with several values, such as `tag` and `caption`, passes
    where any of them does; with `!=`, where none equals."""

    field: str
    operator: Operator
    value: Value = True
    """A tuple for `in` and, with two values, for `between` (both ends belong to it); whether there
    should be a value, for `exists`."""


@dataclass(frozen=True)
class All:
    """Every one of these holds; with none, everything passes."""

    of: tuple[Where, ...] = ()


@dataclass(frozen=True)
class Any:
    """At least one of these holds; with none, nothing passes."""

    of: tuple[Where, ...]


@dataclass(frozen=True)
class Not:
    """This does not hold."""

    of: Where


Where: TypeAlias = Test | All | Any | Not
EVERYTHING = All()
