"""Notes on conditions that decide nothing: no item has the field, or a value of that type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from mmembed.filters.fields import META, spelling
from mmembed.filters.readings import Kind, meanings
from mmembed.filters.tree import Any, Not, Test, Where, any_of

if TYPE_CHECKING:
    from mmembed.store.protocol import Store

_TYPES: Mapping[Kind, str] = {
    "text": "text", "number": "number", "number in text": "number",
    "truth": "true or false", "truth in text": "true or false",
}  # fmt: skip


def notes_on_missing_fields(where: Where, found: bool, store: Store) -> tuple[str, ...]:
    """A sentence on each field of the filter that no item has, or has with a value that the
    condition compares. Manifests name their fields freely: an error would be wrong, and silence
    would hide a misspelling.

    found: whether any item passed. Then only conditions below `not` and `or` can be without
    effect, and no other is looked up.
    """
    tests = dict.fromkeys(
        test
        for test, decisive in _tests(where, decisive=True)
        if test.field.startswith(META) and not (found and decisive)
    )
    notes = (_note(test, store) for test in tests)
    return tuple(dict.fromkeys(note for note in notes if note))


def _tests(where: Where, *, decisive: bool) -> Iterator[tuple[Test, bool]]:
    """Each condition, and whether no item passes the filter where it does not hold."""
    if isinstance(where, Test):
        yield where, decisive and where.operator != "!="
    elif isinstance(where, Not):
        yield from _tests(where.of, decisive=False)
    else:
        for part in where.of:
            yield from _tests(part, decisive=decisive and not isinstance(where, Any))


def _note(test: Test, store: Store) -> str:
    name = spelling(test.field)
    if not _any_item(Test(test.field, "exists"), store):
        names = [facts.name for facts in store.fields() if facts.name.startswith(META)]
        known = ", ".join(map(spelling, names))
        brought = f"manifests brought {known}" if names else "no manifest brought any"
        return f"No item has the field {name}; {brought}."
    if test.operator == "exists":
        return ""
    kinds = dict.fromkeys(kind for kind, _ in meanings(_without_not(test)))
    if _any_item(any_of(*(_has_kind(test.field, kind) for kind in kinds)), store):
        return ""
    types = next((facts.type for facts in store.fields() if facts.name == test.field), "")
    wanted = " or ".join(dict.fromkeys(_TYPES[kind] for kind in kinds))
    return f"No item has a value of {name} that is a {wanted}; the values are of the type {types}."


def _without_not(test: Test) -> Test:
    return Test(test.field, "=", test.value) if test.operator == "!=" else test


def _any_item(where: Where, store: Store) -> bool:
    return bool(store.page(after=0, limit=1, kind=None, where=where))


def _has_kind(field: str, kind: Kind) -> Where:
    """The field has a value of a kind, whatever the value is."""
    if kind == "text":
        return Test(field, "startswith", "")
    if kind in ("truth", "truth in text"):
        return Test(field, "in", (True, False))
    return any_of(Test(field, ">=", 0), Test(field, "<", 0))
