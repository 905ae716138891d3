"""Defines each condition in Python: every store answers as `matches` does."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from operator import eq, ge, gt, le, lt
from typing import Any as Anything

from mmembed.filters.dates import period, period_seconds
from mmembed.filters.fields import META, field_type
from mmembed.filters.readings import as_kind, meanings
from mmembed.filters.text_parts import has_part
from mmembed.filters.tree import All, Any, Not, Scalar, Test, Where
from mmembed.types import Item

_ORDERS: Mapping[str, Callable[[Anything, Anything], bool]] = {
    "<": lt, "<=": le, ">": gt, ">=": ge, "=": eq,
}  # fmt: skip


def matches(where: Where, item: Item) -> bool:
    """Whether an item with all its captions passes."""
    if isinstance(where, All):
        return all(matches(part, item) for part in where.of)
    if isinstance(where, Any):
        return any(matches(part, item) for part in where.of)
    if isinstance(where, Not):
        return not matches(where.of, item)
    if where.operator == "exists" and where.field.startswith(META):
        return _said(item, where.field) is not None
    values = values_of(item, where.field)
    if where.operator == "exists":
        return bool(values)
    if where.operator == "!=":
        return not _any_passes(Test(where.field, "=", where.value), values)
    return _any_passes(where, values)


def _any_passes(test: Test, values: Sequence[Scalar]) -> bool:
    if not test.field.startswith(META):
        return any(_passes(test, value) for value in values)
    return any(
        _passes(Test(test.field, test.operator, wanted), read)
        for kind, wanted in meanings(test)
        for value in values
        if (read := as_kind(value, kind)) is not None
    )


def values_of(item: Item, field: str) -> tuple[Scalar, ...]:
    """The values of an item in a field; empty if it is unknown."""
    if field == "tag":
        return item.tags
    if field == "caption":
        return tuple(caption for caption in (item.caption, *item.captions) if caption is not None)
    if field.startswith(META):
        return _scalars(_said(item, field))
    value = _DERIVED[field](item) if field in _DERIVED else getattr(item, field)
    return () if value is None else (value,)


def _said(item: Item, field: str) -> object:
    return (item.meta or {}).get(field.removeprefix(META))


def _megapixels(item: Item) -> float | None:
    if item.width is None or item.height is None:
        return None
    return item.width * item.height / 1e6


def _orientation(item: Item) -> str | None:
    if item.width is None or item.height is None:
        return None
    if item.width == item.height:
        return "square"
    return "landscape" if item.width > item.height else "portrait"


_DERIVED: Mapping[str, Callable[[Item], Scalar | None]] = {
    "folder": lambda item: item.path,
    "megapixels": _megapixels,
    "orientation": _orientation,
}


def _scalars(value: object) -> tuple[Scalar, ...]:
    """A list has the value of each of its elements; an object has none that can be compared."""
    many = value if isinstance(value, list) else [value]
    return tuple(value for value in many if isinstance(value, str | int | float))


def _passes(test: Test, value: Scalar) -> bool:
    wanted = test.value
    if isinstance(wanted, tuple):
        if test.operator == "in":
            return any(_passes(Test(test.field, "=", one), value) for one in wanted)
        ends = zip((">=", "<="), wanted, strict=True)
        return all(_compares(test.field, operator, value, end) for operator, end in ends)
    if test.operator in ("startswith", "contains"):
        fits = str.startswith if test.operator == "startswith" else has_part
        return isinstance(value, str) and fits(value, str(wanted))
    return _compares(test.field, test.operator, value, wanted)


def _compares(field: str, operator: str, value: Scalar, wanted: Scalar) -> bool:
    of = field_type(field)
    if of == "date":
        return _compares_dates(operator, value, str(wanted))
    if field == "folder":
        return str(value).startswith(os.path.join(str(wanted), ""))
    return _ORDERS[operator](value, wanted)


def _compares_dates(operator: str, value: Scalar, wanted: str) -> bool:
    first: Anything
    last: Anything
    if isinstance(value, str):
        first, last = (moment.isoformat() for moment in period(wanted))
    else:
        first, last = period_seconds(wanted)
    if operator == "=":
        return bool(first <= value <= last)
    return _ORDERS[operator](value, first if operator in ("<", ">=") else last)
