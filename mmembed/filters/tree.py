"""Filters of items: a small tree of conditions that every store compiles for itself.

    Where = All | Any | Not | Test(field, operator, value)

The tree is made from words or from JSON by `mmembed.search.where`. Field names and types of values
are checked there, so a store meets known fields alone. `where_matches` defines each condition in
Python; every store must give the same answers.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Literal, TypeAlias

from mmembed.types import HeaderFacts

Operator: TypeAlias = Literal[
    "=", "!=", "<", "<=", ">", ">=", "in", "between", "exists", "startswith", "contains"
]
FieldType: TypeAlias = Literal["text", "number", "date", "json"]
Scalar: TypeAlias = str | float | int | bool
Value: TypeAlias = Scalar | tuple[Scalar, ...]

META = "meta."
"""Prefix of the fields that manifests bring: `meta.author`."""


def _of_headers() -> dict[str, FieldType]:
    """The facts of headers, by the types of Python; `date` stands for the time."""
    types: Mapping[str, FieldType] = {"str | None": "text", "float | None": "number"}
    facts = {fact.name: types.get(str(fact.type)) for fact in fields(HeaderFacts)}
    return {name: of for name, of in facts.items() if of is not None and name != "taken"}


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
    **_of_headers(),
    "added": "date",
    "caption": "text",
}
"""Every field but those of manifests, with the type of its values.

`folder` with `=` means the folder and all below it. `orientation` is landscape, portrait or square.
`date` is when the picture was taken, else when its file was changed. A date is ISO 8601 in local
time, and may be short: `2024-05` with `=` is all of May.
"""

CHOICES: Mapping[str, tuple[str, ...]] = {
    "kind": ("image", "caption"),
    "orientation": ("landscape", "portrait", "square"),
}
"""Fields that have a few values, all of which are known."""


DATE_LENGTHS = tuple(
    map(len, ("2024", "2024-05", "2024-05-03", "2024-05-03T12", "2024-05-03T12:00",
              "2024-05-03T12:00:00"))
)  # fmt: skip
"""Characters of a date, from a whole year to one second."""


@dataclass(frozen=True)
class Test:
    """One condition on one field.

    A field without a value passes nothing but `!=`. A field with several values, such as `tag` and
    `caption`, passes where any of them does; with `!=`, where none equals. `contains` ignores the
    case of letters, every other operator heeds it. A field of a manifest is compared with values
    of its own type alone: a number with numbers, a text with texts.
    """

    field: str
    operator: Operator
    value: Value = True
    """A tuple for `in` and, with two values, for `between` (both ends belong to it); True for
    `exists`."""


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
    """This does not hold; that includes items that lack the value."""

    of: Where


Where: TypeAlias = Test | All | Any | Not
EVERYTHING = All()


def all_of(*parts: Where) -> Where:
    """Every part holds, without an `All` directly within an `All` or around one part."""
    flat = tuple(_flat(parts, All))
    return flat[0] if len(flat) == 1 else All(flat)


def any_of(*parts: Where) -> Where:
    """At least one part holds, without an `Any` directly within an `Any` or around one part."""
    flat = tuple(_flat(parts, Any))
    return flat[0] if len(flat) == 1 else Any(flat)


def negated(part: Where) -> Where:
    """The part does not hold; a double negation is removed."""
    return part.of if isinstance(part, Not) else Not(part)


def _flat(parts: tuple[Where, ...], joint: type[All] | type[Any]) -> Iterator[Where]:
    for part in parts:
        if isinstance(part, All | Any) and isinstance(part, joint):
            yield from part.of
        else:
            yield part


def field_type(field: str) -> FieldType:
    """The type of a field's values. Raises KeyError for one that is not known."""
    return "json" if field.startswith(META) else FIELDS[field]


def period(date: str) -> tuple[datetime, datetime]:
    """The first and the last microsecond of a date that may be short: `2024-05` is all of May.
    Raises ValueError for a text that is no date."""
    known = len(date)
    if known not in DATE_LENGTHS:
        raise ValueError(date)
    start = datetime.fromisoformat(date + "0000-01-01T00:00:00"[known:])
    rest = "0000-12-31T23:59:59"[known:]
    if known == len("2024-05"):
        rest = f"-{monthrange(start.year, start.month)[1]}T23:59:59"
    return start, datetime.fromisoformat(date + rest).replace(microsecond=999_999)


def period_seconds(date: str) -> tuple[int, int]:
    """As `period`, in seconds since 1970 (UTC), for a date in this machine's time zone."""
    first, last = map(_seconds, period(date))
    return first, last


def _seconds(moment: datetime) -> int:
    try:
        return int(moment.timestamp())
    except (OverflowError, ValueError, OSError):  # the first and last years of all
        return int((moment - datetime(1970, 1, 1)).total_seconds())


def alike(letter: str) -> str:
    """The character in all the cases that `contains` takes for the same, itself first."""
    forms = (letter, letter.lower(), letter.upper())
    return "".join(dict.fromkeys(form for form in forms if len(form) == 1))
