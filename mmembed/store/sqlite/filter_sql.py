"""A filter as an SQL condition on the table `items`.

A condition on a missing value is NULL, which passes no more than FALSE does; `IS NOT TRUE` negates
both. Values are bound; the only text in the SQL is the name of a manifest's field.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias, cast

from mmembed.filters.dates import period, period_seconds
from mmembed.filters.fields import FIELDS, META, check_meta_name, field_type
from mmembed.filters.text_parts import alike, has_part
from mmembed.filters.tree import All, Not, Scalar, Test, Value, Where
from mmembed.types import Kind

Condition: TypeAlias = tuple[str, list[object]]
"""SQL and the values to bind, in order."""

_EXPRESSIONS: Mapping[str, str] = {
    "megapixels": "items.width * items.height / 1e6",
    "orientation": "CASE WHEN items.width > items.height THEN 'landscape' "
    "WHEN items.width < items.height THEN 'portrait' "
    "WHEN items.width = items.height THEN 'square' END",
}
_LAST = chr(0x10FFFF)
_HAS_PART = "has_part"
_SHORT_PART = 20
"""Letters of a part that GLOB looks for in texts of any length."""
_GLOB_STEPS = 100_000
"""Comparisons of letters that GLOB may take: up to the text's length times the part's. Then 2 ms
are the most."""


def condition_of(where: Where) -> Condition:
    """A condition on rows of `items`. Raises KeyError for a field that is not known."""
    if isinstance(where, Test):
        return _SPECIAL.get(where.field, _of_meta if _is_meta(where) else _of_column)(where)
    if isinstance(where, Not):
        return _negated(condition_of(where.of))
    parts = map(condition_of, where.of)
    return _joined(" AND ", parts, "1") if isinstance(where, All) else _joined(" OR ", parts, "0")


def clause_of(kind: Kind | None, where: Where) -> Condition:
    """A WHERE clause: the items of a kind, or of all, that pass."""
    sql, values = condition_of(where)
    if kind is None:
        return f"WHERE {sql}", values
    of_kind, kinds = _of_kind(Test("kind", "=", kind))
    if kind == "image":
        # Most rows are images. Without the hint, SQLite would walk all of them by kind, and sort
        # them for every page. With it, the index of a narrower condition is used.
        of_kind = f"likelihood({of_kind}, 0.9)"
    return f"WHERE {of_kind} AND {sql}", [*kinds, *values]


def add_functions(connection: sqlite3.Connection) -> None:
    """Let a connection evaluate conditions."""
    connection.create_function(_HAS_PART, 2, _has_part, deterministic=True)


def meta_path(name: str) -> str:
    """The SQL text of the JSON path of a manifest's field. Raises ValueError for a name that no
    such field has, and that a path might not be able to spell."""
    check_meta_name(name)
    quoted = name.replace("'", "''")
    return f"""'$."{quoted}"'"""


def meta_index_columns(name: str) -> str:
    """The expression of an index on a manifest's field, so that conditions on the field use it."""
    path = meta_path(name)
    return f"json_type(meta, {path}), json_extract(meta, {path})"


def _is_meta(test: Test) -> bool:
    return test.field.startswith(META)


def _joined(joint: str, parts: Iterable[Condition], empty: str) -> Condition:
    some = list(parts)
    if len(some) == 1:
        return some[0]
    sql = joint.join(part for part, _ in some)
    return f"({sql})" if some else empty, [value for _, values in some for value in values]


def _negated(condition: Condition) -> Condition:
    return f"({condition[0]}) IS NOT TRUE", condition[1]


def _of_column(test: Test) -> Condition:
    expression = _EXPRESSIONS.get(test.field, f"items.{test.field}")
    if field_type(test.field) == "date":
        return _of_date(test, expression)
    return _compared(f"({expression})" if test.field in _EXPRESSIONS else expression, test)


def _compared(expression: str, test: Test) -> Condition:
    """A comparison of one SQL value with bound ones."""
    value = test.value
    if test.operator == "exists":
        return f"{expression} IS NOT NULL", []
    if isinstance(value, tuple):
        if test.operator == "between":
            return f"{expression} BETWEEN ? AND ?", [*value]
        return f"{expression} IN ({','.join('?' * len(value))})", [*value]
    if test.operator == "startswith":
        return _range(expression, str(value))
    if test.operator == "contains":
        return _contains(expression, str(value))
    sign = "IS NOT" if test.operator == "!=" else test.operator
    return f"{expression} {sign} ?", [value]


def _range(expression: str, prefix: str) -> Condition:
    """Texts that start with a prefix: an index knows ranges, and paths hold wildcards."""
    kept = prefix.rstrip(_LAST)
    if not kept:
        return f"{expression} >= ?", [prefix]
    after = ord(kept[-1]) + 1
    end = kept[:-1] + chr(0xE000 if after == 0xD800 else after)
    return f"({expression} >= ? AND {expression} < ?)", [prefix, end]


def _contains(expression: str, part: str) -> Condition:
    """GLOB needs no Python, and is the quicker one for short texts. Where both texts are long and
    repeat themselves, it would take seconds, which nothing could interrupt."""
    if len(part) <= _SHORT_PART:
        return f"{expression} GLOB ?", [_pattern(part)]
    return (
        f"CASE WHEN length({expression}) > ? THEN {_HAS_PART}({expression}, ?) "
        f"ELSE {expression} GLOB ? END",
        [_GLOB_STEPS // len(part), part, _pattern(part)],
    )


def _has_part(text: object, part: str) -> bool | None:
    return None if text is None else has_part(str(text), part)


def _pattern(part: str) -> str:
    """A GLOB pattern for texts that contain a part, in letters of any case."""
    classes = (
        f"[{forms}]" if len(forms := alike(sign)) > 1 or sign in "*?[" else sign for sign in part
    )
    return f"*{''.join(classes)}*"


def _of_kind(test: Test) -> Condition:
    if test.operator == "=" and test.value in FIELDS["kind"].choices:
        # Spelled out, so that SQLite may use the index of images by path.
        return f"items.kind = '{test.value}'", []
    return _of_column(test)


def _of_date(test: Test, column: str) -> Condition:
    if test.operator == "exists":
        return f"{column} IS NOT NULL", []
    if test.operator == "!=":
        return _negated(_of_date(Test(test.field, "=", test.value), column))
    if isinstance(test.value, tuple):
        ends = [_ends(test.field, one) for one in test.value]
        if test.operator == "between":
            return f"{column} BETWEEN ? AND ?", [ends[0][0], ends[1][1]]
        return _joined(" OR ", ((f"{column} BETWEEN ? AND ?", [*one]) for one in ends), "0")
    first, last = _ends(test.field, test.value)
    if test.operator == "=":
        return f"{column} BETWEEN ? AND ?", [first, last]
    return f"{column} {test.operator} ?", [first if test.operator in ("<", ">=") else last]


def _ends(field: str, date: Scalar) -> tuple[object, object]:
    if field == "added":
        return period_seconds(str(date))
    first, last = period(str(date))
    return first.isoformat(), last.isoformat()


def _of_folder(test: Test) -> Condition:
    if test.operator == "exists":
        return "items.path IS NOT NULL", []
    folders = test.value if isinstance(test.value, tuple) else (test.value,)
    inside = (_range("items.path", str(folder).rstrip("/") + "/") for folder in folders)
    below = _joined(" OR ", inside, "0")
    return _negated(below) if test.operator == "!=" else below


def _of_tag(test: Test) -> Condition:
    if test.operator == "exists":
        return "EXISTS (SELECT 1 FROM tags WHERE tags.item_id = items.id)", []
    if test.operator == "!=":
        return _negated(_of_tag(Test("tag", "=", test.value)))
    sql, values = _compared("tag", test)
    return f"items.id IN (SELECT item_id FROM tags WHERE {sql})", values


def _of_caption(test: Test) -> Condition:
    """A row of an image holds its first caption; the others have rows of their own."""
    if test.operator == "exists":
        return "items.caption IS NOT NULL", []
    if test.operator == "!=":
        return _negated(_of_caption(Test("caption", "=", test.value)))
    own, values = _compared("items.caption", test)
    of_image, more = _compared("captions.caption", test)
    others = f"SELECT 1 FROM items AS captions WHERE captions.image_id = items.id AND {of_image}"
    return f"({own} OR EXISTS ({others}))", [*values, *more]


_SPECIAL: Mapping[str, Callable[[Test], Condition]] = {
    "kind": _of_kind,
    "folder": _of_folder,
    "tag": _of_tag,
    "caption": _of_caption,
}


def _of_meta(test: Test) -> Condition:
    path = meta_path(test.field.removeprefix(META))
    found = f"json_extract(items.meta, {path})"
    if test.operator == "exists":
        return f"{found} IS NOT NULL", []
    if test.operator == "!=":
        return _negated(_of_meta(Test(test.field, "=", test.value)))
    parts = (_of_type(test, types, value, path) for types, value in _by_type(test.value))
    return _joined(" OR ", parts, "0")


def _of_type(test: Test, types: str, value: Value | None, path: str) -> Condition:
    """The field, or an element of the list that it holds, is of a type and compares."""
    alone = f"json_type(items.meta, {path})"
    listed = f"SELECT 1 FROM json_each(items.meta, {path}) AS element WHERE element.type IN"
    if value is None:
        in_list = f"{alone} = 'array' AND EXISTS ({listed} ({types}))"
        return f"({alone} IN ({types}) OR {in_list})", []
    wanted = Test(test.field, test.operator, value)
    of_one, values = _compared(f"json_extract(items.meta, {path})", wanted)
    of_element, more = _compared("element.value", wanted)
    in_list = f"{alone} = 'array' AND EXISTS ({listed} ({types}) AND {of_element})"
    return f"(({alone} IN ({types}) AND {of_one}) OR ({in_list}))", [*values, *more]


def _by_type(value: Value) -> list[tuple[str, Value | None]]:
    """SQLite's names of a JSON type, and the values of that type; None if the type alone
    decides."""
    values = value if isinstance(value, tuple) else (value,)
    texts = tuple(one for one in values if isinstance(one, str))
    numbers = tuple(one for one in values if not isinstance(one, str | bool))
    kinds: list[tuple[str, Value | None]] = [
        (f"'{str(one).lower()}'", None) for one in (True, False) if any(v is one for v in values)
    ]
    for types, some in (("'text'", texts), ("'integer','real'", numbers)):
        if some:
            kinds.append((types, cast(Value, some if isinstance(value, tuple) else some[0])))
    return kinds
