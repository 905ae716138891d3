"""Rows as lines of JSON; embeddings are float16 numbers in base64."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from mmembed.errors import InputError
from mmembed.exchange.cells import Row

LONGEST_LINE = 64 * 2**20
"""Bytes. A long caption has a vector for each of its chunks."""


class JsonlWriter:
    """Writes rows to a file; values that are missing are left out."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, rows: Sequence[Row]) -> None:
        """Append rows."""
        for row in rows:
            present = {name: value for name, value in row.items() if not _is_empty(value)}
            line = json.dumps(present, ensure_ascii=False, default=_numbers)
            self._file.write(line.encode() + b"\n")

    def close(self) -> None:
        """Nothing is left to write."""


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, list) and not value)


def _numbers(value: Any) -> str:
    """An embedding: float16, little-endian, in base64."""
    return base64.b64encode(value.astype("<f2").tobytes()).decode()


def read_jsonl(file: BinaryIO, rows_at_once: int) -> Iterator[list[Row | InputError]]:
    """Rows, or the errors of single lines."""
    rows: list[Row | InputError] = []
    while line := file.readline(LONGEST_LINE):
        if line.strip():
            rows.append(_row(line))
        if len(rows) >= rows_at_once:
            yield rows
            rows = []
    if rows:
        yield rows


def count_lines(file: BinaryIO) -> int:
    """How many lines are not empty."""
    return sum(bool(line.strip()) for line in iter(lambda: file.readline(LONGEST_LINE), b""))


def _row(line: bytes) -> Row | InputError:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        return InputError(f"is no JSON: {error}")
    return row if isinstance(row, dict) else InputError("is no JSON object")
