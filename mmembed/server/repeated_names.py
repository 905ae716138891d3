"""Refuses a filter that is given twice: else the last one would win without a word."""

from __future__ import annotations

import json
from typing import Any

from fastapi import Request

from mmembed.errors import QueryError

_TWICE = 'write {"and": [{…}, {…}]} for both'


class _Object(dict[str, Any]):
    """An object of JSON that knows a name that comes twice in it."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        names = [name for name, _ in pairs]
        several = len(self) < len(names)
        self.twice = [name for name in self if names.count(name) > 1] if several else []


def check_address(request: Request, name: str) -> None:
    """Raises QueryError for a parameter of the address that is given twice."""
    if len(request.query_params.getlist(name)) > 1:
        raise QueryError(f"{name}: given twice; join both with a space, or with or", param=name)


def check_filter(raw: bytes) -> None:
    """Raises QueryError for a JSON body in which `where`, or a name within it, comes twice."""
    # Numbers are not looked at, and Python refuses to read long ones.
    body = json.loads(raw, object_pairs_hook=_Object, parse_int=str, parse_float=str)
    if "where" in body.twice:
        raise QueryError(f"where: comes twice in the body; {_TWICE}", param="where")
    _check(body["where"], "where")


def _check(part: Any, place: str) -> None:
    if isinstance(part, list):
        for number, element in enumerate(part):
            _check(element, f"{place}[{number}]")
    if isinstance(part, _Object):
        for name in part.twice:
            message = f"{place}: {name[:40]!r} comes twice in one object; {_TWICE}"
            raise QueryError(message, param=place)
        for name, inner in part.items():
            _check(inner, f"{place}.{name}")
