"""Checks the fields, operators and values of conditions, in words and in JSON alike."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import cast

from mmembed.filters.dates import period
from mmembed.filters.fields import (
    FIELDS,
    META,
    OPERATORS,
    check_meta_name,
    field_type,
    known_fields,
    plain_name,
    rules_of,
)
from mmembed.filters.tree import Operator, Scalar, Test, Where, negated
from mmembed.places import is_address

MAX_CHARS = 10_000
"""Characters of a filter in words."""
MAX_DEPTH = 20
"""Parentheses, `not` and `and` / `or` objects within each other."""
MAX_CONDITIONS = 100
MAX_VALUES = 200
"""Values of all conditions together, including values in lists."""
MAX_VALUE_CHARS = 1000

_SHOWN: Mapping[Operator, str] = {"contains": "contains (~)", "startswith": "startswith (^)"}
_FORMATS = {"JPG": "JPEG", "TIF": "TIFF", "HEIC": "HEIF", "JP2": "JPEG2000"}
_NUMBER = re.compile(r"([-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?)\s*([A-Za-z]*)", re.ASCII)


class Fault(Exception):
    """A fault of a filter; the caller adds the place."""


def field_named(name: str) -> str:
    """The field of this name; the case of letters matters in the fields of manifests alone.
    Raises Fault, which lists the known ones."""
    field = plain_name(name)
    if field.startswith(META):
        try:
            check_meta_name(field.removeprefix(META))
        except ValueError as error:
            raise Fault(f"{field[:40]!r}: {error}") from None
    elif field not in FIELDS:
        raise Fault(f"unknown field {name[:40]!r}; known fields are {known_fields()}")
    return field


def condition(field: str, operator: Operator, value: object) -> Where:
    """One condition with checked values. Raises Fault."""
    check_operator(field, operator)
    if operator == "exists":
        if not isinstance(value, bool):
            raise Fault("exists: expected true or false")
        return Test(field, "exists") if value else negated(Test(field, "exists"))
    if operator in ("startswith", "contains"):
        if not isinstance(value, str | int | float) or isinstance(value, bool):
            raise Fault(f"expected a text, found {_kind(value)}")
        return Test(field, operator, typed(field, str(_checked(value))))
    if operator not in ("in", "between"):
        scalar = typed(field, value)
        if isinstance(scalar, bool) and operator not in ("=", "!="):
            raise Fault("true and false have no order; compare them with = or !=")
        return Test(field, operator, scalar)
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise Fault(f"{operator}: expected a list of values")
    values = tuple(typed(field, one) for one in value)
    if operator == "between":
        _check_ends(field, values)
        return Test(field, "between", values)
    if not values:
        raise Fault("in: expected one value or more")
    return Test(field, "in", values) if len(values) > 1 else Test(field, "=", values[0])


def check_operator(field: str, operator: Operator) -> None:
    """Raises Fault for an operator that a field does not take."""
    fit = rules_of(field).operators
    if operator not in fit:
        taken = ", ".join(_SHOWN.get(one, one) for one in OPERATORS if one in fit)
        raise Fault(f"{field} does not take {operator}; it takes {taken}")


def _check_ends(field: str, ends: tuple[Scalar, ...]) -> None:
    if len(ends) != 2:
        raise Fault("between: expected two values, the first and the last")
    low, high = ends
    if isinstance(low, str) != isinstance(high, str) or bool in (type(low), type(high)):
        raise Fault("between: expected two numbers or two texts")
    if field_type(field) == "date":
        backwards = period(str(low))[0] > period(str(high))[1]
    else:
        backwards = cast(float, low) > cast(float, high)
    if backwards:
        raise Fault(f"between: {low} comes after {high}; nothing lies between them")


def typed(field: str, value: object) -> Scalar:
    """A value as its field holds it. Raises Fault."""
    if not isinstance(value, str | int | float):
        raise Fault(f"expected a text or a number, found {_kind(value)}")
    value, of = _checked(value), field_type(field)
    if of == "json":
        return value
    if isinstance(value, bool):
        raise Fault(f"expected a {of}, found {_kind(value)}")
    if of == "number":
        return number_in(field, value) if isinstance(value, str) else value
    text = str(value)
    return date_in(text) if of == "date" else _named_value(field, text)


def number_in(field: str, text: str) -> int | float:
    """A number, which may have a unit of its field: 5MB. Raises Fault."""
    match = _NUMBER.fullmatch(text.strip())
    units = rules_of(field).units
    if match is None or (match[2] and match[2].upper() not in units):
        example = f" such as 5{'MB' if 'MB' in units else next(iter(units))}" if units else ""
        raise Fault(f"{text[:40]!r}: expected a number{example}")
    is_whole = re.fullmatch(r"[-+]?\d+", match[1])
    number = _finite(int(match[1]) if is_whole else float(match[1]))
    scaled = number * units.get(match[2].upper(), 1)
    return _finite(int(scaled) if float(scaled).is_integer() else scaled)


def date_in(text: str) -> str:
    """A date in the form of the tree. Raises Fault."""
    date = re.sub(r"[ t]", "T", text.strip())
    try:
        period(date)
    except ValueError:
        raise Fault(
            f"{text[:40]!r}: expected a date such as 2024, 2024-05, 2024-05-03 or "
            "2024-05-03T12:00, in local time and without a zone"
        ) from None
    return date


def _named_value(field: str, text: str) -> str:
    if choices := rules_of(field).choices:
        if text.lower() not in choices:
            raise Fault(f"{text[:40]!r}: {field} is {' or '.join(choices)}")
        return text.lower()
    if field == "format":
        return _FORMATS.get(text.upper(), text.upper())
    if field == "folder":
        if not text.startswith("/") and not is_address(text):
            raise Fault(f"{text[:40]!r}: expected the absolute path of a folder")
        return text.rstrip("/") or "/"
    return text


def _checked(value: Scalar) -> Scalar:
    """The value, if every store can hold it; a number beyond that might not even be written in an
    error. Raises Fault."""
    if isinstance(value, str):
        check_text(value)
    return value if isinstance(value, str | bool) else _finite(value)


def check_text(text: str) -> None:
    """Raises Fault for a value that is too long, or that no store can hold."""
    if len(text) > MAX_VALUE_CHARS:
        raise Fault(f"a value of {len(text):,} characters, limit {MAX_VALUE_CHARS:,}")
    if "\0" in text:
        raise Fault("a value holds the character NUL")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Fault("a value holds half of a surrogate pair") from None


def _finite(number: float) -> int | float:
    if isinstance(number, int) and abs(number) >= 2**63:
        raise Fault("a number beyond 64 bits")
    if not math.isfinite(number):
        raise Fault(f"{number}: expected a finite number")
    return number


def _kind(value: object) -> str:
    kinds: Mapping[type, str] = {dict: "an object", list: "a list", bool: "true or false"}
    return "nothing" if value is None else kinds.get(type(value), type(value).__name__)


class Counter:
    """Counts the conditions and values of a filter against the limits."""

    def __init__(self) -> None:
        self._conditions = 0
        self._values = 0

    def add(self, values: int) -> None:
        """One more condition with so many values. Raises Fault."""
        self._conditions += 1
        self._values += values
        if self._conditions > MAX_CONDITIONS:
            raise Fault(f"over {MAX_CONDITIONS} conditions in one filter")
        if self._values > MAX_VALUES:
            raise Fault(f"over {MAX_VALUES} values in one filter")

    @staticmethod
    def check_depth(depth: int) -> None:
        """Raises Fault."""
        if depth > MAX_DEPTH:
            raise Fault(f"conditions within conditions, over {MAX_DEPTH} deep")
