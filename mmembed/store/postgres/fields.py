"""The fields of filters, and how many items have a value of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal
from typing import NamedTuple

from mmembed.filters.fields import FIELDS, META
from mmembed.filters.tree import Test
from mmembed.store.entries import FieldFacts
from mmembed.store.postgres.filter_sql import condition_of
from mmembed.store.postgres.item_queries import ItemReader

MAX_INDEXES = 20
_SAID_SQL = """
SELECT key, CASE jsonb_typeof(value) WHEN 'string' THEN 'text' WHEN 'boolean' THEN 'true or false'
            WHEN 'array' THEN 'list' ELSE jsonb_typeof(value) END AS of_type,
  count(*),
  min(CASE WHEN jsonb_typeof(value) = 'number' THEN (value #>> '{{}}')::numeric END),
  max(CASE WHEN jsonb_typeof(value) = 'number' THEN (value #>> '{{}}')::numeric END),
  min((value #>> '{{}}') COLLATE "C"), max((value #>> '{{}}') COLLATE "C")
FROM items, jsonb_each(items.meta)
WHERE items.meta IS NOT NULL AND jsonb_typeof(value) <> 'null' AND {counted}
GROUP BY key, of_type ORDER BY key COLLATE "C", count(*) DESC
"""


class SaidValues(NamedTuple):
    """The values of one type that a field of manifests has."""

    name: str
    type: str
    items: int
    """How many items have such a value."""
    least: Decimal | None
    most: Decimal | None
    """Of numbers."""
    first: str
    last: str
    """As texts, by code points."""


class StoredFields(ItemReader):
    """Queries of fields; see Fields."""

    def fields(self) -> list[FieldFacts]:
        """See Fields.fields."""
        return facts_of(self.built_in_counts(), self.said_values(), self.indexed_fields())

    def built_in_counts(self) -> list[int]:
        """Items with a value, for each of FIELDS."""
        conditions = [condition_of(Test(name, "exists"))[0] for name in FIELDS]
        counts = ", ".join(f"count(*) FILTER (WHERE {condition})" for condition in conditions)
        sql = f"SELECT {counts} FROM items WHERE {self.counted('items.id')}"
        return [int(number) for number in self._rows(sql)[0]]

    def said_values(self) -> list[SaidValues]:
        """The values of manifests' fields, by name; the most frequent type first."""
        sql = _SAID_SQL.format(counted=self.counted("items.id"))
        return [SaidValues(*row) for row in self._rows(sql)]

    def indexed_fields(self) -> set[str]:
        """The manifests' fields that have an index."""
        return {str(name) for (name,) in self._rows("SELECT name FROM field_indexes")}


def facts_of(
    counts: Sequence[int], said: Iterable[SaidValues], indexed: AbstractSet[str]
) -> list[FieldFacts]:
    """The facts of all fields. counts: of items, for each of FIELDS."""
    known = zip(FIELDS.items(), counts, strict=True)
    ours = [FieldFacts(name, rules.type, number) for (name, rules), number in known]
    types: dict[str, list[str]] = {}
    items: dict[str, int] = {}
    examples: dict[str, dict[str, None]] = {}
    for values in said:
        types.setdefault(values.name, []).append(values.type)
        items[values.name] = items.get(values.name, 0) + int(values.items)
        examples.setdefault(values.name, {}).update(dict.fromkeys(_ends(values)))
    return ours + [
        FieldFacts(
            META + name, ", ".join(types[name]), items[name], tuple(examples[name]), name in indexed
        )
        for name in types
    ]


def _ends(values: SaidValues) -> tuple[str, str]:
    if values.least is None or values.most is None:
        return values.first, values.last
    return _plain(values.least), _plain(values.most)


def _plain(number: Decimal) -> str:
    return format(number, "f")
