"""The fields of items in memory; see Fields."""

from __future__ import annotations

import json
from typing import Any

from mmembed.errors import LimitError, NotFound
from mmembed.filters.fields import FIELDS, META
from mmembed.filters.matches import matches
from mmembed.filters.tree import Test
from mmembed.store.entries import FieldFacts, Words
from tests.contracts.memory_state import Memory

MAX_INDEXES = 20
TYPES = {str: "text", bool: "true or false", int: "number", float: "number", list: "list"}


def meta_of(words: Words) -> dict[str, Any]:
    """The fields of all sources; where two say the same, the first counts."""
    joined: dict[str, Any] = {}
    for _, said in sorted(words.fields.items()):
        joined = {**json.loads(said), **joined}
    return joined


class MemoryFields(Memory):
    """See Fields."""

    def fields(self) -> list[FieldFacts]:
        items = self._state.items.values()
        facts = [
            FieldFacts(name, rules.type, sum(matches(Test(name, "exists"), item) for item in items))
            for name, rules in FIELDS.items()
        ]
        by_name: dict[str, list[Any]] = {}
        for words in self._state.words.values():
            for name, value in meta_of(words).items():
                by_name.setdefault(name, []).append(value)
        return [*facts, *(self._said(*one) for one in sorted(by_name.items()))]

    def _said(self, name: str, values: list[Any]) -> FieldFacts:
        types = ", ".join(dict.fromkeys(TYPES[type(value)] for value in values))
        texts = [str(value) for value in values]
        examples = tuple(dict.fromkeys((min(texts), max(texts))))
        indexed = name in self._state.indexed
        return FieldFacts(META + name, types, len(values), examples, indexed)

    def index_field(self, name: str) -> None:
        with self._change() as state:
            if name not in state.indexed and len(state.indexed) >= MAX_INDEXES:
                raise LimitError(f"{META}{name}: limit {MAX_INDEXES}")
            state.indexed[name] = None

    def drop_field_index(self, name: str) -> None:
        with self._change() as state:
            if state.indexed.pop(name, "") == "":
                raise NotFound(f"{META}{name}: the field has no index")
