"""A filter as a small tree of conditions.

    Where = All | Any | Not | Test(field, operator, value)

The tree is made from words or from JSON by `mmembed.filters.parse`. Names of fields and types of
values are checked there, so a store meets known fields alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

Operator: TypeAlias = Literal[
    "=", "!=", "<", "<=", ">", ">=", "in", "between", "exists", "startswith", "contains"
]
Scalar: TypeAlias = str | float | int | bool
Value: TypeAlias = Scalar | tuple[Scalar, ...]


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
