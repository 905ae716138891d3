"""A filter as an SQL condition on the table `items` of PostgreSQL. All values are bound, the names
of manifests' fields among them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial

from mmembed.filters import readings
from mmembed.filters.fields import META, check_meta_name, field_type
from mmembed.filters.readings import meanings
from mmembed.filters.text_parts import alike
from mmembed.filters.tree import Scalar, Test, Value, Where
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
    "megapixels": "(items.width::float8 * items.height::float8 / 1e6::float8)",
    "orientation": "(CASE WHEN items.width > items.height THEN 'landscape' "
    "WHEN items.width < items.height THEN 'portrait' "
    "WHEN items.width = items.height THEN 'square' END)",
}
INDEXED_CHARS = 500
"""Characters of a manifest's text that its index holds."""


def condition_of(where: Where) -> Condition:
    """A condition on rows of `items`. Raises KeyError for a field that is not known."""
    return folded(where, _of_test)


def clause_of(kind: Kind | None, where: Where) -> Condition:
    """A WHERE clause: the items of a kind, or of all, that pass."""
    sql, values = condition_of(where)
    if kind is None:
        return f"WHERE {sql}", values
    # Spelt out, so that the indexes of one kind are used.
    spelt = "image" if kind == "image" else "caption"
    return f"WHERE items.kind = '{spelt}' AND {sql}", values


def meta_index_columns(name: str) -> str:
    """The expressions of an index on a manifest's field. Raises ValueError for a name that no such
    field has."""
    check_meta_name(name)
    quoted = "'" + name.replace("'", "''") + "'"
    return (
        f"jsonb_typeof(meta -> {quoted}), "
        f"""left(meta ->> {quoted}, {INDEXED_CHARS}) COLLATE "C\""""
    )


def _of_test(test: Test) -> Condition:
    of_field = _of_meta if test.field.startswith(META) else _of_column
    return _SPECIAL.get(test.field, of_field)(test)


def _of_column(test: Test) -> Condition:
    expression = _EXPRESSIONS.get(test.field, f"items.{test.field}")
    if field_type(test.field) == "date":
        return folded(by_moments(test), partial(_compared, (expression, [])))
    return _compared((expression, []), test)


def _compared(operand: Condition, test: Test) -> Condition:
    """A comparison of one SQL value with bound ones."""
    expression, bound = operand
    value = test.value
    if test.operator == "exists":
        return f"{expression} IS NOT NULL", bound
    if isinstance(value, tuple):
        if test.operator == "between":
            return f"{expression} BETWEEN %s AND %s", [*bound, *value]
        return f"{expression} IN ({', '.join(['%s'] * len(value))})", [*bound, *value]
    if test.operator == "startswith":
        return _range(operand, str(value))
    if test.operator == "contains":
        return f"{expression} ~ %s", [*bound, _pattern(str(value))]
    sign = "IS DISTINCT FROM" if test.operator == "!=" else test.operator
    return f"{expression} {sign} %s", [*bound, value]


def _range(operand: Condition, prefix: str) -> Condition:
    expression, bound = operand
    end = after_prefix(prefix)
    if end is None:
        return f"{expression} >= %s", [*bound, prefix]
    return f"({expression} >= %s AND {expression} < %s)", [*bound, prefix, *bound, end]


def _pattern(part: str) -> str:
    """A regular expression for texts that contain a part, in letters of any case."""
    return "".join(
        f"[{forms}]" if len(forms := alike(sign)) > 1 else _literal(sign) for sign in part
    )


def _literal(sign: str) -> str:
    return f"\\{sign}" if sign.isascii() and not sign.isalnum() else sign


def _of_folder(test: Test) -> Condition:
    if test.operator == "exists":
        return "items.path IS NOT NULL", []
    folders = test.value if isinstance(test.value, tuple) else (test.value,)
    path: Condition = ("items.path", [])
    inside = (_range(path, str(folder).rstrip("/") + "/") for folder in folders)
    below = any_of(inside)
    return negated(below) if test.operator == "!=" else below


def _of_tag(test: Test) -> Condition:
    some = "EXISTS (SELECT 1 FROM tags WHERE tags.item_id = items.id"
    if test.operator == "exists":
        return f"{some})", []
    if test.operator == "!=":
        return negated(_of_tag(Test("tag", "=", test.value)))
    sql, values = _compared(("tags.tag", []), test)
    return f"{some} AND {sql})", values


def _of_caption(test: Test) -> Condition:
    """A row of an image holds its first caption; the others have rows of their own."""
    if test.operator == "exists":
        return "items.caption IS NOT NULL", []
    if test.operator == "!=":
        return negated(_of_caption(Test("caption", "=", test.value)))
    own, values = _compared(("items.caption", []), test)
    of_image, more = _compared(("said.caption", []), test)
    others = f"SELECT 1 FROM items AS said WHERE said.image_id = items.id AND {of_image}"
    return f"({own} OR EXISTS ({others}))", [*values, *more]


_SPECIAL: Mapping[str, Callable[[Test], Condition]] = {
    "folder": _of_folder,
    "tag": _of_tag,
    "caption": _of_caption,
}


# -- fields of manifests ---------------------------------------------------------------


def _of_meta(test: Test) -> Condition:
    name = test.field.removeprefix(META)
    check_meta_name(name)
    json: Condition = ("(items.meta -> %s::text)", [name])
    if test.operator == "exists":
        return f"(jsonb_typeof({json[0]}) <> 'null')", json[1]
    if test.operator == "!=":
        return negated(_of_meta(Test(test.field, "=", test.value)))
    text: Condition = ("(items.meta ->> %s::text)", [name])
    single = [_of_json_kind(test, kind, wanted, json, text) for kind, wanted in meanings(test)]
    element: Condition = ("element", [])
    spelt: Condition = ("(element #>> '{}')", [])
    each = [_of_json_kind(test, kind, wanted, element, spelt) for kind, wanted in meanings(test)]
    of_element, values = any_of(each)
    elements = f"CASE WHEN jsonb_typeof({json[0]}) = 'array' THEN {json[0]} ELSE '[]'::jsonb END"
    listed = (
        f"(jsonb_typeof({json[0]}) = 'array' AND EXISTS (SELECT 1 FROM "
        f"jsonb_array_elements({elements}) AS element WHERE {of_element}))",
        [name, name, name, *values],
    )
    return any_of([*single, listed])


def _of_json_kind(
    test: Test, kind: readings.Kind, value: Value, json: Condition, text: Condition
) -> Condition:
    """A value, given as JSON and as text, is of a kind and compares."""
    wanted = Test(test.field, test.operator, value)
    typed, named = f"jsonb_typeof({json[0]})", json[1]
    if kind in ("truth", "truth in text"):
        truths = [str(one).lower() for one in (value if isinstance(value, tuple) else (value,))]
        of_type = "boolean" if kind == "truth" else "string"
        return (
            f"({typed} = '{of_type}' AND lower({text[0]}) = ANY(%s))",
            [*named, *text[1], truths],
        )
    if kind == "text":
        return _of_text(wanted, (typed, named), text)
    numbers = _decimals(wanted)
    if kind == "number in text":
        compared, values = _compared((f"number_in({text[0]})", text[1]), numbers)
        return f"({typed} = 'string' AND {compared})", [*named, *values]
    # PostgreSQL may compare before it looks at the type.
    number = f"(CASE WHEN {typed} = 'number' THEN ({text[0]})::numeric END)"
    compared, values = _compared((number, [*named, *text[1]]), numbers)
    return f"({typed} = 'number' AND {compared})", [*named, *values]


def _of_text(test: Test, typed: Condition, text: Condition) -> Condition:
    start: Condition = (f"""(left({text[0]}, {INDEXED_CHARS}) COLLATE "C")""", text[1])
    whole: Condition = (f"""({text[0]} COLLATE "C")""", text[1])
    compared, values = _compared(whole, test)
    if test.operator in ("=", "in"):  # the index knows how they start
        cut = _cut(test.value)
        narrowed, more = _compared(start, Test(test.field, test.operator, cut))
        compared, values = f"{narrowed} AND {compared}", [*more, *values]
    return f"({typed[0]} = 'string' AND {compared})", [*typed[1], *values]


def _cut(value: Value) -> Value:
    if isinstance(value, tuple):
        return tuple(str(part)[:INDEXED_CHARS] for part in value)
    return str(value)[:INDEXED_CHARS]


def _decimals(test: Test) -> Test:
    """Numbers of JSON are decimal, and so is what they are compared with."""
    value = test.value
    several = tuple(_decimal(part) for part in (value if isinstance(value, tuple) else (value,)))
    wanted: object = several if isinstance(value, tuple) else several[0]
    return Test(test.field, test.operator, wanted)  # type: ignore[arg-type]


def _decimal(value: Scalar) -> Decimal | int:
    return Decimal(repr(value)) if isinstance(value, float) else int(value)
