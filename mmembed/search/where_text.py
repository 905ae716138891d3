"""The tree of a filter as words again: `where_of_words` reads from them the same tree."""

from __future__ import annotations

import re

from mmembed.search.where_scan import BARE, NUMBER
from mmembed.search.where_values import default_operator
from mmembed.search.where_words import FIELD, SYMBOLS
from mmembed.store.where import META, All, Any, Not, Scalar, Test, Where, field_type

_SIGNS = {operator: sign for sign, operator in SYMBOLS.items()}


def words_of_where(where: Where) -> str:
    """A filter in words; empty if everything passes."""
    if isinstance(where, Test):
        return _condition(where)
    if isinstance(where, Not):
        return f"-{_part(where.of)}"
    if isinstance(where, All):
        return " ".join(map(_part, where.of))
    return " or ".join(f"({words_of_where(one)})" if isinstance(one, Any) else words_of_where(one)
                       for one in where.of)  # fmt: skip


def _part(where: Where) -> str:
    words = words_of_where(where)
    return f"({words})" if isinstance(where, All | Any) else words


def _condition(test: Test) -> str:
    name = _name(test.field)
    if test.operator == "exists":
        return f"has:{name}"
    if test.operator in ("in", "between"):
        assert isinstance(test.value, tuple)
        joint = ".." if test.operator == "between" else ","
        values = joint.join(_value(test.field, one) for one in test.value)
        return f"{name}{':' if default_operator(test.field) == '=' else '='}{values}"
    assert not isinstance(test.value, tuple)
    sign = ":" if test.operator == default_operator(test.field) else _SIGNS[test.operator]
    return f"{name}{sign}{_value(test.field, test.value)}"


def _name(field: str) -> str:
    if not field.startswith(META) or FIELD.fullmatch(field):
        return field
    return f'{META}"{field.removeprefix(META)}"'


def _value(field: str, value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return repr(value)
    unclear = field_type(field) == "json" and (
        NUMBER.fullmatch(value) or ".." in value or value in ("true", "false")
    )
    if BARE.fullmatch(value) and not unclear:
        return value
    escaped = re.sub(r'["“”\\]', r"\\\g<0>", value)
    return f'"{escaped}"'
