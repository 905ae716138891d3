"""Columns of a manifest that say neither file, caption nor tag: fields to filter by."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Set
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from mmembed.errors import ManifestError
from mmembed.filters import readings
from mmembed.filters.fields import check_meta_name
from mmembed.ingest.caption_rules import clean
from mmembed.store.entries import LARGEST

MAX_FIELDS = 64
"""Fields of one picture in one manifest."""
MAX_VALUE_CHARS = 4000
"""Of one value as JSON."""


class FurtherFields:
    """Takes the fields from the rows of one manifest; notes each faulty field once."""

    def __init__(self, others: Set[str], *, typed: bool) -> None:
        """others: columns that are no such fields. typed: whether the file distinguishes numbers
        from texts; otherwise a text that looks like a number is one."""
        self._others = others
        self._typed = typed
        self._unfit: set[str] = set()
        self._faults: list[ManifestError] = []

    def of(self, row: Mapping[str, Any], before: str = "") -> str:
        """The fields of a row as a JSON object, joined with those of earlier rows of the same
        picture; empty if there are none. A field that cannot be stored is left out."""
        fields = {
            name.strip(): value
            for name, cell in row.items()
            if name not in self._others and (value := self._value(name, cell)) is not None
        }
        if not fields:
            return before
        joined = {**fields, **json.loads(before or "{}")}
        for name in list(joined)[MAX_FIELDS:]:
            self._note(name, f"over {MAX_FIELDS} fields of one picture")
            del joined[name]
        return json.dumps(joined, ensure_ascii=False)

    def faults(self) -> Iterator[ManifestError]:
        """The faults since the last call."""
        while self._faults:
            yield self._faults.pop(0)

    def _value(self, name: str, cell: Any) -> Any:
        if name in self._unfit:
            return None
        try:
            value = _plain(cell) if self._typed else _of_text(cell)
            if value is not None:
                _check(name.strip(), value)
        except RecursionError:
            self._note(name, "brackets within brackets, too deep to read")
        except ManifestError as error:
            self._note(name, str(error))
        else:
            return value
        return None

    def _note(self, name: str, reason: str) -> None:
        if name not in self._unfit:
            self._unfit.add(name)
            message = f"field {name[:40]!r}: {reason}; it is left out from here on"
            self._faults.append(ManifestError(message))


def _check(name: str, value: Any) -> None:
    try:
        check_meta_name(name)
    except ValueError as error:
        raise ManifestError(str(error)) from None
    chars = len(json.dumps(value, ensure_ascii=False))
    if chars > MAX_VALUE_CHARS:
        raise ManifestError(f"a value of {chars:,} characters, limit {MAX_VALUE_CHARS:,}")


def _of_text(cell: Any) -> str | int | float | None:
    if not isinstance(cell, str):
        return None
    text = _clean(cell.strip())
    return readings.cell(text) if text else None


def _plain(value: Any) -> Any:
    """A value as JSON holds it; None if it is missing. Raises ManifestError for bytes, and for a
    number that no store can hold."""
    if isinstance(value, str):
        return _clean(value) or None
    if isinstance(value, int) and not -LARGEST - 1 <= value <= LARGEST:
        raise ManifestError("a whole number beyond 64 bits; write it as a text, in quotes")
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float | Decimal):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {_clean(str(name)): _plain(one) for name, one in value.items()}
    raise ManifestError(f"a value of the type {type(value).__name__}")


def _clean(text: str) -> str:
    return clean(text.replace("\0", ""))  # where SQLite ends a text in JSON
