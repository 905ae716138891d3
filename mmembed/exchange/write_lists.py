"""Lists as CSV, as JSONL, as Parquet, and as .npy beside JSONL."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from mmembed import files
from mmembed.errors import InputError
from mmembed.exchange.lists import EMBEDDING, ListWriter
from mmembed.exchange.row_files import JSONL, PARQUET, parquet_list
from mmembed.exchange.write_export import writing

CSV, NPY = ".csv", ".npy"
IDS = ".ids.jsonl"
"""Ending of the list beside a matrix."""
LIST_ENDINGS = (CSV, JSONL, PARQUET, NPY)
_PARTING = (",", ";", "|")
"""Characters that part tags in a cell, as indexing reads them."""


@contextmanager
def list_writer(path: Path, columns: Sequence[str], dim: int) -> Iterator[ListWriter]:
    """A writer of rows with these columns, in the format that the ending names. The file takes its
    place when the block succeeds. dim: of embeddings. Raises InputError, StoreError, StoreFull."""
    suffix = path.suffix.lower()
    with writing(path), ExitStack() as stack:
        file = stack.enter_context(files.replacing(path, durable=True))
        writer: ListWriter
        if suffix == CSV:
            writer = CsvList(file, columns)
        elif suffix == JSONL:
            writer = JsonList(file)
        elif suffix == PARQUET:
            writer = parquet_list(file, columns, dim)
        elif suffix == NPY:
            beside = stack.enter_context(files.replacing(path.with_suffix(IDS), durable=True))
            writer = NpyList(file, beside, dim)
        else:
            raise InputError(f"{path}: a list ends with {', '.join(LIST_ENDINGS)}")
        yield writer
        writer.close()


class CsvList:
    """Comma-separated values in UTF-8; `mmembed index --captions` reads them, too."""

    def __init__(self, file: BinaryIO, columns: Sequence[str]) -> None:
        self._file = file
        self._columns = columns
        self._append([columns])

    def write(self, rows: Sequence[dict[str, Any]]) -> None:
        """Append rows."""
        self._append([_cell(name, row[name]) for name in self._columns] for row in rows)

    def _append(self, lines: Iterable[Sequence[Any]]) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(lines)
        self._file.write(text.getvalue().encode())

    def close(self) -> None:
        """Nothing is left to write."""


def _cell(name: str, value: Any) -> Any:
    """A list is one text where that can be read back, else JSON."""
    if name == "tags" and not any(part in tag for tag in value for part in (*_PARTING, "[")):
        return ", ".join(value)
    if name == "captions" and len(value) <= 1 and not "".join(value).startswith("["):
        return "".join(value)
    if isinstance(value, np.ndarray):
        value = [round(float(number), 7) for number in value]
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value


class JsonList:
    """A JSON object a line."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, rows: Sequence[dict[str, Any]]) -> None:
        """Append rows."""
        for row in rows:
            line = json.dumps(row, ensure_ascii=False, default=_numbers)
            self._file.write(line.encode() + b"\n")

    def close(self) -> None:
        """Nothing is left to write."""


def _numbers(value: Any) -> list[float]:
    return [round(float(number), 7) for number in value]


class NpyList:
    """A float32 matrix (n, dim), unit-norm, and the same items as JSON lines beside it."""

    def __init__(self, file: BinaryIO, beside: BinaryIO, dim: int) -> None:
        self._file = file
        self._items = JsonList(beside)
        self._dim = dim
        self._rows = 0
        self._head()

    def _head(self) -> None:
        """NumPy leaves room in it for any number of rows."""
        head = {"descr": "<f4", "fortran_order": False, "shape": (self._rows, self._dim)}
        np.lib.format.write_array_header_1_0(self._file, head)

    def write(self, rows: Sequence[dict[str, Any]]) -> None:
        """Append rows, each with its embedding."""
        if rows:
            self._file.write(np.stack([row[EMBEDDING] for row in rows]).astype("<f4").tobytes())
        self._items.write(
            [{name: value for name, value in row.items() if name != EMBEDDING} for row in rows]
        )
        self._rows += len(rows)

    def close(self) -> None:
        """Write the number of rows into the head."""
        end = self._file.tell()
        self._file.seek(0)
        self._head()
        self._file.seek(end)
