"""A filter in JSON.

{"field": "date", "op": ">=", "value": "2024-05"}     one condition
{"and": [filter, …]}  {"or": [filter, …]}  {"not": filter}
{"tag": "beach", "kind": ["image", "caption"]}        short: as `tag:beach kind:image,caption`
{}                                                    everything
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NoReturn, TypeVar

from mmembed.errors import QueryError
from mmembed.filters.conditions import (
    Counter,
    Fault,
    check_operator,
    condition,
    field_named,
)
from mmembed.filters.fields import OPERATORS, rules_of
from mmembed.filters.grammar import SYMBOLS
from mmembed.filters.tree import EVERYTHING, Operator, Where, all_of, any_of, negated

T = TypeVar("T")

_JOINTS: Mapping[str, Callable[..., Where]] = {"and": all_of, "or": any_of}
_PARTS = {"field", "op", "value"}


def where_of_json(filter_: object) -> Where:
    """The tree of a filter in JSON. Raises QueryError, which names the place: `where.and[1].op`."""
    return EVERYTHING if filter_ == {} else _Reader().read(filter_, "where", 0)


class _Reader:
    """Counts the parsed conditions against the limits."""

    def __init__(self) -> None:
        self._counter = Counter()

    def read(self, given: object, place: str, depth: int) -> Where:
        """Raises QueryError."""
        _checked(lambda: self._counter.check_depth(depth), place)
        if not isinstance(given, Mapping) or not given:
            _fail(place, 'expected an object, as in {"field": "tag", "op": "=", "value": "beach"}')
        if "field" in given:
            return self._condition(given, place)
        if len(given) == 1:
            [(name, inner)] = given.items()
            if name in _JOINTS:
                return self._joined(name, inner, f"{place}.{name}", depth)
            if name == "not":
                return negated(self.read(inner, f"{place}.not", depth + 1))
        if joint := next((name for name in ("and", "or", "not") if name in given), None):
            _fail(f"{place}.{joint}", "expected to stand in an object of its own")
        return all_of(*(self._short(name, value, place) for name, value in given.items()))

    def _joined(self, name: str, parts: object, place: str, depth: int) -> Where:
        if not isinstance(parts, list) or not parts:
            _fail(place, "expected a list of one condition or more")
        read = [self.read(part, f"{place}[{i}]", depth + 1) for i, part in enumerate(parts)]
        return _JOINTS[name](*read)

    def _condition(self, given: Mapping[str, object], place: str) -> Where:
        for name in given:
            if name not in _PARTS:
                known = ", ".join(sorted(_PARTS))
                _fail(f"{place}.{_shown(name)}", f"unknown; a condition has {known}")
        field = _field(given["field"], f"{place}.field")
        operator = _operator(given.get("op", rules_of(field).colon), f"{place}.op")
        _checked(lambda: check_operator(field, operator), f"{place}.op")
        if "value" not in given and operator != "exists":
            _fail(f"{place}.value", "missing")
        value = given.get("value", True)
        return self._checked_condition(field, operator, value, f"{place}.value")

    def _short(self, name: str, value: object, place: str) -> Where:
        if name == "has":
            field = _field(value, f"{place}.has")
            return self._checked_condition(field, "exists", True, f"{place}.has")
        field, place = _field(name, place), f"{place}.{name}"
        operator = rules_of(field).colon
        if not isinstance(value, list):
            return self._checked_condition(field, operator, value, place)
        if operator == "=":
            return self._checked_condition(field, "in", value, place)
        if not value:
            _fail(place, "expected one value or more")
        return any_of(*(self._checked_condition(field, operator, one, place) for one in value))

    def _checked_condition(
        self, field: str, operator: Operator, value: object, place: str
    ) -> Where:
        values = len(value) if isinstance(value, list) else 1
        _checked(lambda: self._counter.add(values), place)
        return _checked(lambda: condition(field, operator, value), place)


def _field(given: object, place: str) -> str:
    if not isinstance(given, str):
        _fail(place, "expected the name of a field")
    return _checked(lambda: field_named(given), place)


def _operator(given: object, place: str) -> Operator:
    if isinstance(given, str) and given in SYMBOLS:
        return SYMBOLS[given]
    if given not in OPERATORS:
        said = f"{given[:40]!r}: " if isinstance(given, str) else ""
        _fail(place, f"{said}expected one of {', '.join(OPERATORS)}")
    return given


def _shown(name: str) -> str:
    """A name as an answer can hold it, however long it is."""
    text = name[:40].encode("utf-8", "replace").decode()
    return f"{text}…" if len(name) > 40 else text


def _checked(make: Callable[[], T], place: str) -> T:
    try:
        return make()
    except Fault as fault:
        _fail(place, str(fault))


def _fail(place: str, message: str) -> NoReturn:
    raise QueryError(f"{place}: {message}", param=place)
