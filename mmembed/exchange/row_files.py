"""Writes and reads files of rows, in the format that their ending names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from mmembed.errors import InputError
from mmembed.exchange.cells import Row
from mmembed.exchange.flat_rows import FILE, HEADER
from mmembed.exchange.jsonl import JsonlWriter, count_lines, read_jsonl

PARQUET, JSONL = ".parquet", ".jsonl"
ROWS_AT_ONCE = 1000
ITEM_COLUMNS = (
    *("id", "kind", "path", "sha256", "captions", "caption_sources", "caption_tags"),
    *("caption_added", "tags", "tag_sources", "fields", "field_sources", *FILE, *HEADER),
    *("header_read", "added", "upload", "automatic_tags", "automatic_label_sets"),
    *("automatic_scores", "hashes", "model", "fingerprint", "embedding", "caption_vectors"),
)
"""The columns of items, in the order of files."""
VECTOR_COLUMNS = ("kind", "sha256", "model", "fingerprint", "embedding")
"""The columns of a further model's vectors."""


class RowFileWriter(Protocol):
    """Writes rows to an open file."""

    def write(self, rows: Sequence[Row]) -> None:
        """Append rows. Raises OSError."""

    def close(self) -> None:
        """Write the end. Raises OSError."""


def writer_for(suffix: str, file: BinaryIO, columns: Sequence[str], dim: int) -> RowFileWriter:
    """The writer of a format, by its ending. dim: length of the embeddings. Raises InputError where
    its library is missing."""
    if suffix == JSONL:
        return JsonlWriter(file)
    writer: RowFileWriter = _parquet("writing").ParquetWriter(file, columns, dim)
    return writer


def parquet_list(file: BinaryIO, columns: Sequence[str], dim: int) -> RowFileWriter:
    """A writer of a list with chosen columns. dim: of the embeddings. Raises InputError where the
    library is missing."""
    writer: RowFileWriter = _parquet("writing").ParquetList(file, columns, dim)
    return writer


def batches_of(path: Path, suffix: str) -> Iterator[list[Row | InputError]]:
    """The rows of a file, some at a time, each or its error. Raises InputError for a file that
    cannot be read."""
    read: Callable[[BinaryIO, int], Iterator[list[Row | InputError]]]
    read = read_jsonl if suffix == JSONL else _parquet("reading").read_parquet
    with _opened(path) as file:
        yield from read(file, ROWS_AT_ONCE)


def count_rows(path: Path, suffix: str) -> int:
    """How many rows a file has, faulty ones included. Raises InputError."""
    count: Callable[[BinaryIO], int]
    count = count_lines if suffix == JSONL else _parquet("reading").count_rows
    with _opened(path) as file:
        return count(file)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """A file to read, whose name the errors of the block get."""
    try:
        with open(path, "rb") as file:
            yield file
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None


def check_library(suffix: str) -> None:
    """Raises InputError, with the remedy, where the library of a format is missing."""
    if suffix == PARQUET:
        _parquet("Parquet")


def has_parquet() -> bool:
    """Whether Parquet can be written and read here."""
    try:
        check_library(PARQUET)
    except InputError:
        return False
    return True


def _parquet(doing: str) -> Any:
    try:
        from mmembed.exchange import parquet  # many people do not have its library
    except ImportError:
        what = doing if doing == "Parquet" else f"{doing} Parquet"
        raise InputError(
            f"{what} needs pyarrow: pip install 'mmembed[parquet]'; .jsonl needs nothing"
        ) from None
    return parquet
