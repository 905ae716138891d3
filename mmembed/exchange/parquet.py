"""Rows as Parquet. Owns pyarrow, beside the reader of manifests."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
from pyarrow import ArrowException, parquet

from mmembed.errors import InputError
from mmembed.exchange.cells import Row
from mmembed.filters.fields import META

_TEXTS, _LISTS = pa.list_(pa.string()), pa.list_(pa.list_(pa.string()))
_PLAIN: dict[str, Any] = {
    **{name: pa.int64() for name in ("id", "width", "height", "bytes", "mtime_ns", "added")},
    **{name: pa.int64() for name in ("taken_offset", "header_read")},
    **{name: pa.string() for name in ("kind", "path", "sha256", "format", "model", "fingerprint")},
    **{name: pa.string() for name in ("taken", "camera", "lens", "hashes")},
    **{name: pa.float64() for name in ("latitude", "longitude", "score", "relevance", "fits")},
    **dict.fromkeys(("captions", "tags", "fields", "field_sources"), _TEXTS),
    **dict.fromkeys(("automatic_tags", "automatic_label_sets"), _TEXTS),
    "automatic_scores": pa.list_(pa.float64()),
    **dict.fromkeys(("caption_sources", "caption_tags", "tag_sources"), _LISTS),
    "caption_added": pa.list_(pa.int64()),
    "upload": pa.bool_(),
}
EMBEDDING, CAPTION_VECTORS = "embedding", "caption_vectors"
_PLACE = ("caption", "start", "stop")


class ParquetWriter:
    """Writes rows to a file; each call makes a group of rows."""

    def __init__(self, file: BinaryIO, columns: Sequence[str], dim: int) -> None:
        """dim: length of the embeddings."""
        self._columns = columns
        self._dim = dim
        schema = pa.schema([(name, self._type(name)) for name in columns])
        self._schema = schema
        self._writer = parquet.ParquetWriter(
            file, schema, compression="zstd", write_page_checksum=True,
            use_dictionary=[name for name in columns if name not in (EMBEDDING, CAPTION_VECTORS)],
        )  # fmt: skip

    def write(self, rows: Sequence[Row]) -> None:
        """Append rows."""
        arrays = [self._array(name, rows) for name in self._columns]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))

    def close(self) -> None:
        """Write the end of the file, without which it cannot be read."""
        self._writer.close()

    def _type(self, name: str) -> Any:
        if name == EMBEDDING:
            return pa.list_(pa.float16(), self._dim)
        if name == CAPTION_VECTORS:
            places = [(part, pa.int64()) for part in _PLACE]
            return pa.list_(pa.struct([*places, (EMBEDDING, self._type(EMBEDDING))]))
        return _PLAIN[name]

    def _array(self, name: str, rows: Sequence[Row]) -> Any:
        if name == EMBEDDING:
            return self._vectors([row[name] for row in rows])
        if name == CAPTION_VECTORS:
            return self._of_captions([row.get(name) or [] for row in rows])
        return pa.array([row.get(name) for row in rows], _PLAIN[name])

    def _vectors(self, vectors: Sequence[Any]) -> Any:
        numbers = np.concatenate(vectors) if vectors else np.empty(0)
        flat = pa.array(numbers.astype(np.float16), pa.float16())
        return pa.FixedSizeListArray.from_arrays(flat, self._dim)

    def _of_captions(self, lists: Sequence[Sequence[Row]]) -> Any:
        parts = [part for some in lists for part in some]
        places = [pa.array([part[name] for part in parts], pa.int64()) for name in _PLACE]
        vectors = self._vectors([part[EMBEDDING] for part in parts])
        structs = pa.StructArray.from_arrays([*places, vectors], [*_PLACE, EMBEDDING])
        offsets = np.cumsum([0, *map(len, lists)]).astype(np.int32)
        return pa.ListArray.from_arrays(pa.array(offsets), structs)


class ParquetList:
    """A list for people: chosen columns, embeddings as float32; a value of a manifest that is no
    text is one in JSON."""

    def __init__(self, file: BinaryIO, columns: Sequence[str], dim: int) -> None:
        """dim: length of the embeddings."""
        self._schema = pa.schema([(name, _list_type(name, dim)) for name in columns])
        self._writer = parquet.ParquetWriter(file, self._schema, compression="zstd")

    def write(self, rows: Sequence[Row]) -> None:
        """Append rows."""
        shown = [{name: _shown(name, value) for name, value in row.items()} for row in rows]
        self._writer.write_table(pa.Table.from_pylist(shown, schema=self._schema))

    def close(self) -> None:
        """Write the end of the file, without which it cannot be read."""
        self._writer.close()


_AUTOMATIC = pa.list_(
    pa.struct([("tag", pa.string()), ("label_set", pa.string()), ("score", pa.float64())])
)


def _list_type(name: str, dim: int) -> Any:
    if name == EMBEDDING:
        return pa.list_(pa.float32(), dim)
    if name == "automatic_tags":
        return _AUTOMATIC
    dates = ("date", "added", "modified")
    return pa.string() if name.startswith(META) or name in dates else _PLAIN[name]


def _shown(name: str, value: Any) -> Any:
    if name.startswith(META) and value is not None and not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return value


def read_parquet(file: BinaryIO, rows_at_once: int) -> Iterator[list[Row | InputError]]:
    """Rows, or the errors of single ones. Raises InputError for a file that cannot be read."""
    try:
        opened = parquet.ParquetFile(file, page_checksum_verification=True)
        known = {*_PLAIN, EMBEDDING, CAPTION_VECTORS}
        names = [name for name in opened.schema_arrow.names if name in known]
        if not names:
            raise InputError(f"has none of the columns {', '.join(sorted(known))}")
        for batch in opened.iter_batches(rows_at_once, columns=names):
            yield _rows(batch)
    except (ArrowException, OSError, ValueError) as error:
        raise InputError(f"cannot be read as Parquet: {error}") from None


def count_rows(file: BinaryIO) -> int:
    """How many rows a file has. Raises InputError for one that cannot be read."""
    try:
        return int(parquet.read_metadata(file).num_rows)
    except (ArrowException, OSError, ValueError) as error:
        raise InputError(f"cannot be read as Parquet: {error}") from None


def _rows(batch: Any) -> list[Row | InputError]:
    vectors = (EMBEDDING, CAPTION_VECTORS)
    names = [name for name in batch.schema.names if name not in vectors]
    columns = {name: batch.column(name).to_pylist() for name in names}
    if EMBEDDING in batch.schema.names:
        columns[EMBEDDING] = [_vector(one) for one in batch.column(EMBEDDING)]
    if CAPTION_VECTORS in batch.schema.names:
        columns[CAPTION_VECTORS] = [_parts(one) for one in batch.column(CAPTION_VECTORS)]
    return _of_columns(columns)


def _vector(scalar: Any) -> Any:
    """The numbers of a list as an array; None where there is none."""
    values = getattr(scalar, "values", None)
    return values.to_numpy(zero_copy_only=False) if values is not None else scalar.as_py()


def _parts(scalar: Any) -> list[dict[str, Any]]:
    structs = scalar.values
    if structs is None or not len(structs):
        return []
    columns = {name: structs.field(name).to_pylist() for name in _PLACE}
    columns[EMBEDDING] = [_vector(one) for one in structs.field(EMBEDDING)]
    return _of_columns(columns)


def _of_columns(columns: dict[str, list[Any]]) -> list[Any]:
    values = zip(*columns.values(), strict=True)
    return [dict(zip(columns, row, strict=True)) for row in values]
