"""A filter as an SQL condition, as far as all databases spell it alike.

A condition on a missing value is NULL, which passes no more than FALSE does; `IS NOT TRUE` negates
both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from mmembed.filters.dates import period, period_seconds
from mmembed.filters.tree import All, Any, Not, Scalar, Test, Where

Condition: TypeAlias = tuple[str, list[object]]
"""SQL and the values to bind, in order."""

_LAST = chr(0x10FFFF)
_SURROGATES, _AFTER_SURROGATES = 0xD800, 0xE000


def folded(where: Where, of_test: Callable[[Test], Condition]) -> Condition:
    """The condition of a whole filter. of_test: the condition of one of its tests."""
    if isinstance(where, Test):
        return of_test(where)
    if isinstance(where, Not):
        return negated(folded(where.of, of_test))
    parts = [folded(part, of_test) for part in where.of]
    return _joined(" AND ", parts, "TRUE") if isinstance(where, All) else any_of(parts)


def any_of(parts: Iterable[Condition]) -> Condition:
    """At least one of them holds."""
    return _joined(" OR ", list(parts), "FALSE")


def negated(condition: Condition) -> Condition:
    """The condition is false or NULL."""
    return f"(({condition[0]}) IS NOT TRUE)", condition[1]


def by_moments(test: Test) -> Where:
    """A test of a date as tests of the moments that columns hold: a date is a span of time. They
    are seconds since 1970 for `added`, else texts in ISO 8601."""
    if test.operator == "exists":
        return test
    if test.operator == "!=":
        return Not(by_moments(Test(test.field, "=", test.value)))
    if isinstance(test.value, tuple):
        if test.operator == "between":
            first, last = (_span(test.field, date) for date in test.value)
            return Test(test.field, "between", (first[0], last[1]))
        return Any(tuple(by_moments(Test(test.field, "=", date)) for date in test.value))
    first_moment, last_moment = span = _span(test.field, test.value)
    if test.operator == "=":
        return Test(test.field, "between", span)
    outer = first_moment if test.operator in ("<", ">=") else last_moment
    return Test(test.field, test.operator, outer)


def after_prefix(prefix: str) -> str | None:
    """The first text after all that start with a prefix: an index knows ranges, and paths hold
    wildcards. None where no text comes after them."""
    kept = prefix.rstrip(_LAST)
    if not kept:
        return None
    after = ord(kept[-1]) + 1
    return kept[:-1] + chr(_AFTER_SURROGATES if after == _SURROGATES else after)


def _joined(joint: str, parts: list[Condition], empty: str) -> Condition:
    if len(parts) == 1:
        return parts[0]
    sql = joint.join(part for part, _ in parts)
    return f"({sql})" if parts else empty, [value for _, values in parts for value in values]


def _span(field: str, date: Scalar) -> tuple[Scalar, Scalar]:
    if field == "added":
        return period_seconds(str(date))
    first, last = period(str(date))
    return first.isoformat(), last.isoformat()
