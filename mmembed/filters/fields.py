"""The fields of filters, and what each may be compared with.

A field that is a column of the table of items needs its line here and nothing else. The value of
another is computed in `matches`, and in SQL in `store.sqlite.filter_sql`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Literal, TypeAlias, get_args

from mmembed.filters.tree import Operator
from mmembed.types import HeaderFacts

FieldType: TypeAlias = Literal["text", "number", "date", "json"]

META = "meta."
"""Prefix of the fields that manifests bring: `meta.author`."""
MAX_NAME_CHARS = 100
"""Characters of a manifest field's name."""
BARE_FIELD = re.compile(r"[^\W\d][\w.-]*")
"""A field that a filter in words names without quotes."""
_UNFIT_NAME = re.compile(r'["\\\x00-\x1f\x7f]')

OPERATORS: tuple[Operator, ...] = get_args(Operator)
_SAME: frozenset[Operator] = frozenset({"=", "!=", "in", "exists"})
_ORDER: frozenset[Operator] = frozenset({"<", "<=", ">", ">=", "between"})
_PARTS: frozenset[Operator] = frozenset({"startswith", "contains"})
_OF_TYPE: Mapping[FieldType, frozenset[Operator]] = {
    "text": _SAME | _PARTS,
    "number": _SAME | _ORDER,
    "date": _SAME | _ORDER,
    "json": _SAME | _ORDER | _PARTS,
}


@dataclass(frozen=True)
class FieldRules:
    """The values and operators that a field may be compared with."""

    type: FieldType
    colon: Operator = "="
    """The operator of `field:value`."""
    choices: tuple[str, ...] = ()
    """All its values, where they are few."""
    units: Mapping[str, int] = field(default_factory=dict)
    """Factors by the unit that may follow a number, in capitals."""
    whole: bool = False
    """Whether parts of a value mean nothing."""

    @property
    def operators(self) -> frozenset[Operator]:
        """The operators that the field takes."""
        return _SAME if self.whole or self.choices else _OF_TYPE[self.type]


_TEXT = FieldRules("text")
_PROSE = FieldRules("text", colon="contains")
_PIXELS = FieldRules("number", units={"PX": 1})
_BYTES = {
    **{"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12},
    **{"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40},
}


def _of_headers() -> dict[str, FieldRules]:
    """The facts of headers, by the types of Python; `date` stands for the time."""
    rules = {"str | None": _PROSE, "float | None": FieldRules("number")}
    facts = {fact.name: rules.get(str(fact.type)) for fact in fields(HeaderFacts)}
    return {name: of for name, of in facts.items() if of is not None and name != "taken"}


FIELDS: Mapping[str, FieldRules] = {
    "kind": FieldRules("text", choices=("image", "caption")),
    "tag": _TEXT,
    "folder": FieldRules("text", whole=True),
    "path": _PROSE,
    "format": _TEXT,
    "width": _PIXELS,
    "height": _PIXELS,
    "megapixels": FieldRules("number", units={"MP": 1}),
    "orientation": FieldRules("text", choices=("landscape", "portrait", "square")),
    "bytes": FieldRules("number", units=_BYTES),
    "date": FieldRules("date"),
    **_of_headers(),
    "added": FieldRules("date"),
    "caption": _PROSE,
}
"""Every field but those of manifests.

`folder` with `=` means the folder and all below it. `date` is when the picture was taken, else when
its file was changed. A date may be short: `2024-05` with `=` is all of May.
"""
_OF_MANIFESTS = FieldRules("json")


def rules_of(name: str) -> FieldRules:
    """The rules of a field. Raises KeyError for one that is not known."""
    return _OF_MANIFESTS if name.startswith(META) else FIELDS[name]


def field_type(name: str) -> FieldType:
    """The type of a field's values. Raises KeyError for one that is not known."""
    return rules_of(name).type


def known_fields() -> str:
    """All fields, as errors list them."""
    return f"{', '.join(FIELDS)}, and {META}NAME for a field of a manifest"


def plain_name(name: str) -> str:
    """A field as the tree names it: `meta.two words` for `meta."two words"` and `META.two words`.
    The case of letters matters in what follows `meta.` alone."""
    if name[: len(META)].lower() != META:
        return name.lower()
    rest = name[len(META) :]
    quoted = len(rest) > 1 and rest[0] == rest[-1] == '"'
    return META + (rest[1:-1] if quoted else rest)


def spelling(name: str) -> str:
    """A field as a filter in words spells it: `meta."two words"`."""
    if not name.startswith(META) or BARE_FIELD.fullmatch(name):
        return name
    return f'{META}"{name.removeprefix(META)}"'


def check_meta_name(name: str) -> None:
    """Raises ValueError for a name that a manifest's field cannot have."""
    if not name.strip() or len(name) > MAX_NAME_CHARS:
        raise ValueError(f"a name of {len(name)} characters, limit {MAX_NAME_CHARS}")
    if _UNFIT_NAME.search(name):
        raise ValueError("its name holds a quotation mark, a backslash or a control character")
    if any("\ud800" <= sign <= "\udfff" for sign in name):
        raise ValueError("its name holds half of a surrogate pair")
