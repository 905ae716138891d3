"""Reads rows of JSONL, CSV, TSV and Parquet files; a bad row does not spoil its file.

lines → rows → manifests
"""

from __future__ import annotations

import csv
import json
import os
import re
import stat
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

from mmembed.errors import ManifestError
from mmembed.ingest.bounded_lines import LONGEST_ROW, lines_of
from mmembed.ingest.columns import Columns, Numbered, Row
from mmembed.places import Place

Open: TypeAlias = Callable[[str], AbstractContextManager[BinaryIO]]
REREAD_BYTES = 16 * 2**20
"""Bytes of a file that are read again after rows whose quotation marks do not end."""


def rows_of(path: Place, columns: Columns, opened: Open | None = None) -> Iterator[Numbered]:
    """The rows of a file by its ending; of Parquet, only the wanted columns. opened: opens a file
    that lies elsewhere.

    Raises ManifestError for a file that cannot be read at all.
    """
    readers: Mapping[str, Callable[[BinaryIO], Iterator[Numbered]]] = {
        ".jsonl": _json_rows,
        ".ndjson": _json_rows,
        ".csv": lambda file: CsvRows(file, ",", columns).read(),
        ".tsv": lambda file: CsvRows(file, "\t", columns).read(),
        ".parquet": lambda file: _parquet_rows(file, columns),
    }
    reader = readers.get(os.path.splitext(path)[1].lower())
    if reader is None:
        raise ManifestError(f"{path}: expected one of {', '.join(readers)}")
    try:
        with (opened or open_regular)(str(path)) as file:
            yield from reader(file)
    except ManifestError as error:
        raise ManifestError(f"{path}: {error}") from None
    except OSError as error:
        raise ManifestError(f"{path}: cannot be read: {error.strerror or error}") from None


def open_regular(path: str | Path) -> BinaryIO:
    """A file, opened without waiting for a pipe's writer. Raises ManifestError if it is no regular
    file, and OSError."""
    file = open(path, "rb", opener=_without_waiting)  # noqa: SIM115 (the caller's to close)
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return file
    file.close()
    raise ManifestError("not a regular file")


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def _json_rows(file: BinaryIO) -> Iterator[Numbered]:
    for number, line in enumerate(lines_of(file), 1):
        if isinstance(line, ManifestError):
            yield number, line
        elif line.strip():
            yield number, json_row(line)


def json_row(line: bytes) -> Row | ManifestError:
    """The JSON object in some bytes, or why they are none."""
    try:
        row = json.loads(line.decode(), object_pairs_hook=_once)
    except ManifestError as error:
        return error
    except RecursionError:
        return ManifestError("not JSON: brackets within brackets, too deep to read")
    except ValueError as error:
        return ManifestError(f"not JSON: {error}")
    return row if isinstance(row, dict) else ManifestError("expected a JSON object")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in row if names.count(name) > 1)
        raise ManifestError(f"{twice[:40]!r} comes twice in one object")
    return row


class CsvRows:
    """The rows of a CSV file, in which a row may span lines.

    If the quotation marks of a row do not end, the row fails, and reading continues in the line
    after its first.
    """

    def __init__(self, file: BinaryIO, delimiter: str, columns: Columns) -> None:
        self._lines = _parts(lines_of(file))
        self._again: deque[bytes | ManifestError] = deque()
        self._record: list[bytes | ManifestError] = []
        """The lines of the row that is being read."""
        self._bytes = 0
        """Of that row, so far."""
        self._taken = 0
        self._ended = False
        self._reread = 0
        self._delimiter = delimiter
        self._reader = csv.reader(self._texts(), delimiter=delimiter, strict=True)
        self._columns = columns

    def read(self) -> Iterator[Numbered]:
        """Raises ManifestError if the first line names no wanted column."""
        head: list[str] | None = None
        while True:
            self._record, self._bytes = [], 0
            number = self._taken + 1
            try:
                row = self._row()
            except StopIteration:
                return
            except (ManifestError, csv.Error) as error:
                if head is None:
                    raise ManifestError(f"the first line cannot be read: {error}") from None
                self._go_back()
                yield number, ManifestError(f"not CSV: {error}")
                continue
            if head is None:
                head = [name.strip() for name in row]
                self._columns.check(head)
            elif row:
                yield number, dict(zip(head, row, strict=False))

    def _row(self) -> list[str]:
        try:
            row = next(self._reader)
        except csv.Error:
            row = self._leniently()
        for cell in row:
            try:
                cell.encode()
            except UnicodeEncodeError:
                self._record = []  # the row ended normally: nothing is to be read again
                raise ManifestError("not UTF-8") from None
        return row

    def _leniently(self) -> list[str]:
        """A row of one line with quotation marks within a cell; raises csv.Error for another."""
        if self._ended or len(self._record) != 1:
            raise csv.Error("a quotation mark that does not end, or one amid a cell")
        [line] = self._record
        assert isinstance(line, bytes)
        texts = [line.decode("utf-8", "surrogateescape")]
        return next(csv.reader(texts, delimiter=self._delimiter))

    def _texts(self) -> Iterator[str]:
        """Lines for the reader. It takes another line in the middle of a row only if a quotation
        mark is open."""
        while True:
            line = self._again.popleft() if self._again else next(self._lines, None)
            if line is None:
                self._ended = bool(self._record)
                return
            self._taken += 1
            self._record.append(line)
            if isinstance(line, ManifestError):
                raise line
            self._bytes += len(line)
            if self._bytes > LONGEST_ROW:
                raise ManifestError(f"a row of over {LONGEST_ROW >> 20} MB")
            yield line.decode("utf-8", "surrogateescape")

    def _go_back(self) -> None:
        rest = self._record[1:]
        self._reread += sum(len(line) for line in rest if isinstance(line, bytes))
        if self._reread <= REREAD_BYTES:
            self._again.extendleft(reversed(rest))
            self._taken -= len(rest)
        self._ended = False
        # An iterator that raised cannot continue, and a reader may be in the middle of a row.
        self._reader = csv.reader(self._texts(), delimiter=self._delimiter, strict=True)


def _parts(lines: Iterable[bytes | ManifestError]) -> Iterator[bytes | ManifestError]:
    """Lines may also end with a carriage return alone."""
    for line in lines:
        if isinstance(line, bytes) and b"\r" in line[:-2]:
            yield from re.split(rb"(?<=\r)(?!\n)", line)
        else:
            yield line


def _parquet_rows(file: BinaryIO, columns: Columns) -> Iterator[Numbered]:
    try:
        from mmembed.ingest.parquet import parquet_rows
    except ImportError:
        raise ManifestError(
            "reading Parquet needs pyarrow: pip install 'mmembed[parquet]'"
        ) from None
    return parquet_rows(file, columns)


def first_of(row: Row, columns: Iterable[str]) -> Any:
    """The first of these columns that is not empty, or None."""
    return next((row[column] for column in columns if row.get(column)), None)
