"""Rows of Parquet files. Owns pyarrow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

from pyarrow import ArrowException, RecordBatch, parquet

from mmembed.errors import ManifestError
from mmembed.ingest.manifest_rows import Columns

ROWS_AT_ONCE = 1024
LARGEST_GROUP = 2**30
"""Bytes that the columns of one group of rows may take in memory."""


def parquet_rows(
    file: BinaryIO, columns: Columns
) -> Iterator[tuple[int, dict[str, Any] | ManifestError]]:
    """The columns of each row that are looked for, or why they cannot be read.

    A broken group of rows is told of once, at its first row. Raises ManifestError for a file that
    cannot be read at all.
    """
    try:
        opened = parquet.ParquetFile(file)
        names = opened.schema_arrow.names
    except Exception as error:  # Arrow raises nearly everything on broken files
        raise ManifestError(f"not a Parquet file that can be read: {error}") from None
    columns.check(names)
    wanted = [name for name in columns.names if name in names]
    number = 0
    for group in range(opened.num_row_groups):
        count = opened.metadata.row_group(group).num_rows
        try:
            yield from _group_rows(opened, group, wanted, number)
        except (ArrowException, OSError, ManifestError) as error:
            reason = f"the {count} rows from here on cannot be read: {error}"
            yield number + 1, ManifestError(reason)
        number += count


def _group_rows(
    opened: Any, group: int, wanted: list[str], number: int
) -> Iterator[tuple[int, dict[str, Any] | ManifestError]]:
    facts = opened.metadata.row_group(group)
    sizes = [facts.column(i) for i in range(facts.num_columns)]
    size = sum(one.total_uncompressed_size for one in sizes if _top(one.path_in_schema) in wanted)
    if size > LARGEST_GROUP:
        raise ManifestError(
            f"{size >> 20} MB in one group of rows, limit {LARGEST_GROUP >> 20}; write smaller ones"
        )
    batches = opened.iter_batches(ROWS_AT_ONCE, row_groups=[group], columns=wanted)
    for batch in batches:
        for row in _rows(batch):
            number += 1
            yield number, row


def _top(path: str) -> str:
    return path.split(".", 1)[0]


def _rows(batch: RecordBatch) -> list[dict[str, Any] | ManifestError]:
    try:
        return list(batch.to_pylist())
    except Exception:  # one value of a batch that is no Python value, such as bytes for text
        return [_row(batch, i) for i in range(batch.num_rows)]


def _row(batch: RecordBatch, i: int) -> dict[str, Any] | ManifestError:
    try:
        names = batch.schema.names
        return {name: batch.column(k)[i].as_py() for k, name in enumerate(names)}
    except Exception as error:
        return ManifestError(f"cannot be read: {error}")
