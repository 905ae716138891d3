"""Rows of Parquet files. Owns pyarrow."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, BinaryIO

from pyarrow import Array, ArrowException, DictionaryArray, RecordBatch, compute, parquet, types

from mmembed.counted import counted
from mmembed.errors import ManifestError
from mmembed.ingest.bounded_lines import LONGEST_ROW
from mmembed.ingest.columns import Columns
from mmembed.ingest.manifest_fields import MAX_FIELDS

ROWS_AT_ONCE = 1024
LARGEST_GROUP = 2**30
"""Bytes that the columns of one group of rows may take in the file, once decompressed."""
MOST_VALUES = 20_000_000
"""Values of one column in a group of rows."""
FEWEST_REFUSED, ROWS_A_BYTE = 1_000_000, 8
"""A file of more rows than both is refused: repeated rows take almost no space."""
LARGEST_BATCH = 64 * 2**20
"""Bytes of rows that become Python's values together."""
FURTHER_BYTES = 2**28
"""Bytes of a group in the columns that are further fields; columns that do not fit are skipped."""
VALUE_BYTES = 64
"""Of one value, beside its text."""


def parquet_rows(
    file: BinaryIO, columns: Columns
) -> Iterator[tuple[int, dict[str, Any] | ManifestError]]:
    """The wanted columns of each row, or its error. A broken group of rows is reported once, at its
    first row.

    Raises ManifestError for a file that cannot be read at all.
    """
    try:
        opened = _opened(file)
        names = opened.schema_arrow.names
    except Exception as error:  # Arrow raises nearly everything on broken files
        raise ManifestError(f"not a Parquet file that can be read: {error}") from None
    _check_count(opened.metadata.num_rows, os.fstat(file.fileno()).st_size)
    columns.check(names)
    wanted = [name for name in columns.names if name in names]
    further = _further(opened, wanted) if columns.further else []
    number = 0
    for group in range(opened.num_row_groups):
        count = opened.metadata.row_group(group).num_rows
        try:
            yield from _group_rows(opened, group, wanted, further, number)
        except (ArrowException, OSError, ManifestError) as error:
            reason = f"{counted(count, 'row')} from here on cannot be read: {error}"
            yield number + 1, ManifestError(reason)
        number += count


def _opened(file: BinaryIO) -> Any:
    """The file. Its texts stay in dictionaries, so a text of many rows is in memory once."""
    facts = parquet.read_metadata(file)
    leaves = [facts.schema.column(i) for i in range(facts.num_columns)]
    shared = [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY"]
    return parquet.ParquetFile(file, metadata=facts, read_dictionary=shared)


def _check_count(rows: int, size: int) -> None:
    if rows > max(FEWEST_REFUSED, ROWS_A_BYTE * size):
        raise ManifestError(f"{rows:,} rows in {size:,} bytes, which cannot name as many pictures")


def _group_rows(
    opened: Any, group: int, wanted: list[str], further: list[str], number: int
) -> Iterator[tuple[int, dict[str, Any] | ManifestError]]:
    facts = opened.metadata.row_group(group)
    sizes = [facts.column(i) for i in range(facts.num_columns)]
    sizes = [chunk for chunk in sizes if _top(chunk.path_in_schema) in wanted]
    most = max(chunk.num_values for chunk in sizes)
    if most > MOST_VALUES:
        raise ManifestError(
            f"{most:,} values in one group of rows, limit {MOST_VALUES:,}; write smaller ones"
        )
    size = sum(chunk.total_uncompressed_size for chunk in sizes)
    if size > LARGEST_GROUP:
        raise ManifestError(
            f"{size >> 20} MB in one group of rows, limit {LARGEST_GROUP >> 20}; write smaller ones"
        )
    batches = opened.iter_batches(ROWS_AT_ONCE, row_groups=[group], columns=wanted + further)
    for batch in batches:
        for row in _rows(batch):
            number += 1
            yield number, row


def _further(opened: Any, wanted: list[str]) -> list[str]:
    """The other columns that may be fields to filter by, as long as they are small."""
    schema, facts = opened.schema_arrow, opened.metadata
    further: list[str] = []
    room = FURTHER_BYTES
    for name in schema.names:
        if name in wanted or not _is_plain(schema.field(name).type):
            continue
        size, values = 0, 0
        for group in map(facts.row_group, range(facts.num_row_groups)):
            some = [group.column(i) for i in range(facts.num_columns)]
            some = [chunk for chunk in some if _top(chunk.path_in_schema) == name]
            size = max(size, sum(chunk.total_uncompressed_size for chunk in some))
            values = max(values, *(chunk.num_values for chunk in some))
        if size <= room and values <= MOST_VALUES and len(further) < MAX_FIELDS:
            room -= size
            further.append(name)
    return further


def _is_plain(kind: Any) -> bool:
    """Whether values are no bytes, no embeddings and no structures."""
    of_list = types.is_list(kind) or types.is_large_list(kind)
    kind = kind.value_type if of_list else kind
    kind = kind.value_type if types.is_dictionary(kind) else kind
    if types.is_string(kind) or types.is_large_string(kind):
        return True
    return not of_list and not (
        types.is_nested(kind)
        or types.is_binary(kind)
        or types.is_large_binary(kind)
        or types.is_fixed_size_binary(kind)
    )


def _top(path: str) -> str:
    return path.split(".", 1)[0]


def _rows(batch: RecordBatch) -> Iterator[dict[str, Any] | ManifestError]:
    try:
        whole = batch.to_pylist() if _expanded(batch) <= LARGEST_BATCH else None
    except Exception:  # one value of a batch that is no Python value, such as bytes for text
        whole = None
    yield from (_row(batch, i) for i in range(batch.num_rows)) if whole is None else whole


def _expanded(batch: RecordBatch) -> int:
    """Bytes of the values of a batch once each row has its own text."""
    return sum(_expanded_column(column) for column in batch.columns)


def _expanded_column(column: Array) -> int:
    while hasattr(column, "flatten") and hasattr(column, "value_lengths"):
        column = column.flatten()  # the elements of lists
    if not isinstance(column, DictionaryArray):
        return int(column.nbytes) + VALUE_BYTES * len(column)
    lengths = compute.binary_length(column.dictionary).take(column.indices)
    return len(column) * VALUE_BYTES + int(compute.sum(lengths).as_py() or 0)


def _row(batch: RecordBatch, i: int) -> dict[str, Any] | ManifestError:
    try:
        one = batch.slice(i, 1)
        if _expanded(one) > LONGEST_ROW:
            return ManifestError(f"a row of over {LONGEST_ROW >> 20} MB")
        names = batch.schema.names
        return {name: batch.column(k)[i].as_py() for k, name in enumerate(names)}
    except Exception as error:
        return ManifestError(f"cannot be read: {error}")
