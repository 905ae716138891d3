"""A filter in words: `date>=2024-05 camera:"Pixel 7" -tag:private (width>4000 or has:caption)`.

    filter    = each { "or" each }
    each      = part { ["and"] part }
    part      = ("-" | "not") part | "(" filter ")" | condition
    condition = "has:" field | field operator span { "," span }
    operator  = ":" | "=" | "!=" | "<" | "<=" | ">" | ">=" | "~" | "^"
    span      = value | [value] ".." [value]        dots in numbers, dates and fields of manifests
    value     = word | '"' … '"'                    within quotes, \\" is " and \\\\ is \\
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from mmembed.errors import QueryError
from mmembed.filters.conditions import (
    MAX_CHARS,
    Counter,
    Fault,
    check_operator,
    condition,
    field_named,
    typed,
)
from mmembed.filters.fields import BARE_FIELD, field_type, known_fields, rules_of
from mmembed.filters.scanner import BARE, BARE_END, Scanner, WrittenValue
from mmembed.filters.tree import EVERYTHING, Operator, Scalar, Where, all_of, any_of, negated

SYMBOLS: Mapping[str, Operator] = {
    "=": "=", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">=",
    "~": "contains", "^": "startswith",
}  # fmt: skip
FIELD = re.compile(rf'meta\."[^"]*"|{BARE_FIELD.pattern}', re.IGNORECASE)
_OPERATOR = re.compile(r"\s*(!=|<=|>=|[:=<>~^])\s*")


def where_of_words(words: str) -> Where:
    """The tree of a filter in words; blank words let everything pass. Raises QueryError, which
    points at the place."""
    if len(words) > MAX_CHARS:
        raise QueryError(
            f"where: a filter of {len(words):,} characters, limit {MAX_CHARS:,}", param="where"
        )
    return EVERYTHING if not words.strip() else _Reader(Scanner(words)).read()


@dataclass(frozen=True)
class _Span:
    low: WrittenValue | None
    high: WrittenValue | None = None
    dots: bool = False
    """Whether dots stand between the two, or beside one."""


class _Reader:
    """One function for each line of the grammar."""

    def __init__(self, scanner: Scanner) -> None:
        self._scanner = scanner
        self._counter = Counter()

    def read(self) -> Where:
        tree = self._filter(0)
        if not self._scanner.ended():
            self._scanner.fail("this parenthesis closes none", self._scanner.at)
        return tree

    def _filter(self, depth: int) -> Where:
        parts = [self._each(depth)]
        while self._scanner.take_word("or"):
            parts.append(self._each(depth))
        return any_of(*parts)

    def _each(self, depth: int) -> Where:
        parts = [self._part(depth)]
        while self._scanner.take_word("and") or not self._each_ends():
            parts.append(self._part(depth))
        return all_of(*parts)

    def _each_ends(self) -> bool:
        scanner = self._scanner
        return scanner.ended() or scanner.sees(")") or scanner.sees_word("or")

    def _part(self, depth: int) -> Where:
        scanner = self._scanner
        if scanner.ended() or scanner.sees(")"):
            scanner.fail("expected a condition, such as caption:beach", scanner.at)
        start = scanner.at
        scanner.checked(lambda: self._counter.check_depth(depth), start)
        if scanner.take("-") or scanner.take_word("not"):
            return negated(self._part(depth + 1))
        if not scanner.take("("):
            return self._condition()
        tree = self._filter(depth + 1)
        if scanner.ended() or not scanner.take(")"):
            scanner.fail("this parenthesis is not closed", start)
        return tree

    def _condition(self) -> Where:
        scanner, start = self._scanner, self._scanner.at
        name = scanner.match(FIELD)
        operator = scanner.match(_OPERATOR) if name else None
        if name is None or operator is None:
            self._fail_at_word(start)
        if name[0].lower() == "has":
            return self._exists(operator[1])
        field = scanner.checked(lambda: field_named(name[0]), start)
        meant = SYMBOLS.get(operator[1]) or rules_of(field).colon
        scanner.checked(lambda: check_operator(field, meant), operator.start(1))
        spans = self._spans(field)
        values = sum((one.low is not None) + (one.high is not None) for one in spans)
        scanner.checked(lambda: self._counter.add(values), start)
        return scanner.checked(lambda: self._of_spans(field, meant, spans), operator.end())

    def _exists(self, symbol: str) -> Where:
        scanner, start = self._scanner, self._scanner.at
        name = scanner.match(FIELD)
        if symbol not in (":", "=") or name is None:
            scanner.fail("expected has:FIELD, as in has:caption", start)
        scanner.checked(lambda: self._counter.add(0), start)
        return condition(scanner.checked(lambda: field_named(name[0]), start), "exists", True)

    def _spans(self, field: str) -> list[_Span]:
        ranged = field_type(field) != "text"
        spans = [self._span(ranged)]
        while self._scanner.take(","):
            spans.append(self._span(ranged))
        return spans

    def _span(self, ranged: bool) -> _Span:
        scanner = self._scanner
        scanner.skip_spaces()
        start = scanner.at
        if not ranged:
            return _Span(scanner.value(BARE))
        low = None if scanner.sees("..") else scanner.value(BARE_END)
        if not scanner.take(".."):
            return _Span(low)
        if scanner.sees("."):
            scanner.fail("a span has two dots, as in 5..8; write 0.5 for .5", scanner.at)
        follows = scanner.words[scanner.at : scanner.at + 1]
        high = scanner.value(BARE_END) if follows.strip("),") and not follows.isspace() else None
        if low is None and high is None:
            scanner.fail("expected a first or a last value, as in 2023..2024", start)
        return _Span(low, high, dots=True)

    def _of_spans(self, field: str, operator: Operator, spans: Sequence[_Span]) -> Where:
        """Raises Fault."""
        dots = any(span.dots for span in spans)
        if operator == "!=" and (dots or len(spans) > 1):
            return negated(self._of_spans(field, "=", spans))
        if dots and operator != "=":
            raise Fault(f"{operator} takes one value; a span is written {field}:FIRST..LAST")
        if len(spans) > 1 and operator in ("<", "<=", ">", ">="):
            raise Fault(f"{operator} takes one value, not a list")
        if len(spans) > 1 and operator == "=" and not dots:
            return condition(field, "in", [self._typed(field, span.low) for span in spans])
        return any_of(*(self._of_span(field, operator, span) for span in spans))

    def _of_span(self, field: str, operator: Operator, span: _Span) -> Where:
        if not span.dots:
            return condition(field, operator, self._typed(field, span.low, operator))
        if span.low is not None and span.high is not None:
            ends = [self._typed(field, span.low), self._typed(field, span.high)]
            return condition(field, "between", ends)
        bound: Operator = "<=" if span.low is None else ">="
        return condition(field, bound, self._typed(field, span.low or span.high))

    def _typed(self, field: str, value: WrittenValue | None, operator: Operator = "=") -> Scalar:
        assert value is not None
        of_parts = operator in ("startswith", "contains")
        given = value.text if of_parts or field_type(field) != "json" else value.scalar
        return self._scanner.checked(lambda: typed(field, given), value.at)

    def _fail_at_word(self, at: int) -> NoReturn:
        self._scanner.at = at
        word = self._scanner.match(BARE)
        shown = word[0][:40] if word else self._scanner.words[at]
        self._scanner.fail(
            f"{shown!r} is no condition; a condition is FIELD:VALUE, as in caption:beach. Known "
            f"fields are {known_fields()}",
            at,
        )
