"""A filter as an SQL condition on the table `items`. Values are bound; the only text in the SQL is
the name of a manifest's field.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from functools import partial

from mmembed.filters import readings
from mmembed.filters.fields import FIELDS, META, check_meta_name, field_type
from mmembed.filters.readings import meanings
from mmembed.filters.text_parts import alike, has_part
from mmembed.filters.tree import Test, Value, Where
from mmembed.store.filter_conditions import (
    Condition,
    after_prefix,
    any_of,
    by_moments,
    folded,
    negated,
)
from mmembed.types import Kind

_EXPRESSIONS: Mapping[str, str] = {
    "megapixels": "items.width * items.height / 1e6",
    "orientation": "CASE WHEN items.width > items.height THEN 'landscape' "
    "WHEN items.width < items.height THEN 'portrait' "
    "WHEN items.width = items.height THEN 'square' END",
}
NUMBER_OF, TRUTH_OF, _HAS_PART = "mmembed_number_of", "mmembed_truth_of", "mmembed_has_part"
_SHORT_PART = 20
"""Letters of a part that GLOB looks for in texts of any length."""
_GLOB_STEPS = 100_000
"""Comparisons of letters that GLOB may take: up to the text's length times the part's. Then 2 ms
are the most."""


def condition_of(where: Where) -> Condition:
    """A condition on rows of `items`. Raises KeyError for a field that is not known."""
    return folded(where, _of_test)


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
    """Give a connection the functions that conditions call."""
    for name, read in ((NUMBER_OF, readings.number_of), (TRUTH_OF, readings.truth_of)):
        connection.create_function(name, 1, read, deterministic=True)
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


def _of_test(test: Test) -> Condition:
    of_field = _of_meta if test.field.startswith(META) else _of_column
    return _SPECIAL.get(test.field, of_field)(test)


def _of_column(test: Test) -> Condition:
    expression = _EXPRESSIONS.get(test.field, f"items.{test.field}")
    if field_type(test.field) == "date":
        return folded(by_moments(test), partial(_compared, expression))
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
    end = after_prefix(prefix)
    if end is None:
        return f"{expression} >= ?", [prefix]
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


def _of_folder(test: Test) -> Condition:
    if test.operator == "exists":
        return "items.path IS NOT NULL", []
    folders = test.value if isinstance(test.value, tuple) else (test.value,)
    inside = (_range("items.path", str(folder).rstrip("/") + "/") for folder in folders)
    below = any_of(inside)
    return negated(below) if test.operator == "!=" else below


def _of_tag(test: Test) -> Condition:
    if test.operator == "exists":
        return "EXISTS (SELECT 1 FROM tags WHERE tags.item_id = items.id)", []
    if test.operator == "!=":
        return negated(_of_tag(Test("tag", "=", test.value)))
    sql, values = _compared("tag", test)
    return f"items.id IN (SELECT item_id FROM tags WHERE {sql})", values


def _of_caption(test: Test) -> Condition:
    """A row of an image holds its first caption; the others have rows of their own."""
    if test.operator == "exists":
        return "items.caption IS NOT NULL", []
    if test.operator == "!=":
        return negated(_of_caption(Test("caption", "=", test.value)))
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
        return negated(_of_meta(Test(test.field, "=", test.value)))
    alone = f"json_type(items.meta, {path})"
    kinds = meanings(test)
    single = [_of_json_kind(test, kind, wanted, alone, found) for kind, wanted in kinds]
    # One look at the elements of a list serves all kinds: rows are mostly of one kind.
    elements = [
        _of_json_kind(test, kind, wanted, "element.type", "element.value") for kind, wanted in kinds
    ]
    of_element, values = any_of(elements)
    each = f"SELECT 1 FROM json_each(items.meta, {path}) AS element WHERE {of_element}"
    listed = f"({alone} = 'array' AND EXISTS ({each}))"
    return any_of([*single, (listed, values)])


def _of_json_kind(
    test: Test, kind: readings.Kind, value: Value, type_: str, expression: str
) -> Condition:
    """A value, given by the SQL of its type and of itself, is of a kind and compares."""
    types, read = _KINDS[kind]
    if kind == "truth":
        truths = value if isinstance(value, tuple) else (value,)
        types = ",".join(f"'{str(truth).lower()}'" for truth in truths)
    compared, values = _read_as(kind, read, expression, Test(test.field, test.operator, value))
    return f"({type_} IN ({types}) AND {compared})", values


def _read_as(kind: readings.Kind, read: str, expression: str, test: Test) -> Condition:
    """The comparison of one value; of a truth value, its type decides already."""
    return ("1", []) if kind == "truth" else _compared(read.format(expression), test)


_KINDS: Mapping[readings.Kind, tuple[str, str]] = {
    "text": ("'text'", "{}"),
    "number": ("'integer','real'", "{}"),
    "number in text": ("'text'", f"{NUMBER_OF}({{}})"),
    "truth": ("", "{}"),
    "truth in text": ("'text'", f"{TRUTH_OF}({{}})"),
}
"""SQLite's names of the JSON types of each kind, and the SQL that reads a value as the kind."""
