"""The values of a row's cells; a file of another program may hold anything."""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from math import isfinite
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mmembed.counted import counted
from mmembed.errors import InputError
from mmembed.store.entries import storable

Row: TypeAlias = Mapping[str, Any]
"""Values by column. Embeddings are float16 or float32 (dim,), or as a file spells them."""

_SHA256 = re.compile(r"[0-9a-f]{64}")


def text(row: Row, name: str) -> str | None:
    """A text, or None. Raises InputError."""
    return None if row.get(name) is None else _text(row[name], name)


def needed_text(row: Row, name: str) -> str:
    """A text that is not empty. Raises InputError."""
    value = text(row, name)
    if not value:
        raise InputError(f"has no {name}")
    return value


def texts(row: Row, name: str) -> list[str]:
    """A list of texts; empty where there is none. Raises InputError."""
    return [_text(one, name) for one in _list(row, name)]


def texts_beside(row: Row, name: str, count: int) -> list[list[str]] | None:
    """A list of texts for each of `count` values of another column; None where there is no such
    column. Raises InputError."""
    if row.get(name) is None:
        return None
    lists = [texts({name: one}, name) for one in _list(row, name)]
    if len(lists) != count:
        raise InputError(f"{name} has {counted(len(lists), 'list')}, and {count} are needed")
    return lists


def number(row: Row, name: str) -> int | None:
    """A whole number that a store can hold, or None. Raises InputError."""
    value = row.get(name)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool) or value != value // 1 or storable(int(value)) != value:
        raise InputError(f"{name} {value!r:.40} is no whole number of 64 bits")
    return int(value)


def needed_number(row: Row, name: str) -> int:
    """A whole number from 0 up. Raises InputError."""
    value = number(row, name)
    if value is None:
        raise InputError(f"has no {name}")
    return value


def numbers(row: Row, name: str, count: int) -> list[int | None]:
    """A number for each of `count` values of another column. Raises InputError."""
    values = [number({name: one}, name) for one in _list(row, name)] or [None] * count
    if len(values) != count:
        raise InputError(f"{name} has {counted(len(values), 'number')}, and {count} are needed")
    return values


def finite_numbers(row: Row, name: str) -> list[float]:
    """A list of numbers; empty where there is none. Raises InputError."""
    values = _list(row, name)
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
            raise InputError(f"{name} holds {value!r:.40}, which is no finite number")
    return [float(value) for value in values]


def binary(row: Row, name: str) -> bytes | None:
    """Bytes in base64, or None. Raises InputError."""
    value = text(row, name)
    try:
        return None if value is None else base64.b64decode(value, validate=True)
    except (ValueError, binascii.Error):
        raise InputError(f"{name} is no base64: {value!r:.40}") from None


def base64_of(content: bytes) -> str:
    """Bytes as `binary` reads them."""
    return base64.b64encode(content).decode()


def degrees(row: Row, name: str, most: int) -> float | None:
    """An angle, or None. Raises InputError."""
    value = row.get(name)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if not isinstance(value, int | float) or not -most <= value <= most:
        raise InputError(f"{name} {value!r:.40} is no angle")
    return float(value)


def moment(row: Row, name: str) -> str | None:
    """A local time in ISO 8601, or None. Raises InputError."""
    value = text(row, name)
    try:
        if value is not None:
            datetime.fromisoformat(value)
    except ValueError:
        raise InputError(f"{name} {value!r:.40} is no time such as 2024-05-01T10:00:00") from None
    return value


def digest(row: Row, name: str) -> str:
    """A SHA-256 in hex. Raises InputError."""
    value = needed_text(row, name)
    if not _SHA256.fullmatch(value):
        raise InputError(f"{name} {value!r:.70} is no SHA-256 in hex")
    return value


def vector(value: Any, dim: int, name: str = "embedding") -> NDArray[np.float32]:
    """An embedding, float32 (dim,): finite and not zero, also as float16. Raises InputError."""
    numbers_of = _numbers(value, name)
    if numbers_of.shape != (dim,):
        shape = "×".join(map(str, numbers_of.shape))
        raise InputError(f"{name} has {shape} numbers, and those of the model have {dim}")
    with np.errstate(over="ignore"):
        half = numbers_of.astype(np.float16)
    if not np.isfinite(half).all():
        raise InputError(f"{name} has numbers that are not finite, or too large for float16")
    if not half.any():
        raise InputError(f"{name} is zero")
    return numbers_of


def _numbers(value: Any, name: str) -> NDArray[np.float32]:
    try:
        if isinstance(value, str):
            return np.frombuffer(base64.b64decode(value, validate=True), "<f2").astype(np.float32)
        with np.errstate(over="ignore"):
            return np.asarray(value).astype(np.float32)
    except (ValueError, TypeError, binascii.Error, OverflowError):
        raise InputError(f"{name} is no list of numbers, nor float16 numbers in base64") from None


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise InputError(f"{name} is no text: {value!r:.40}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InputError(f"{name} holds half of a character, which is no text") from None
    return value


def _list(row: Row, name: str) -> Sequence[Any]:
    value = row.get(name)
    if value is None:
        return ()
    if not isinstance(value, list | tuple):
        raise InputError(f"{name} is no list: {value!r:.40}")
    return value
