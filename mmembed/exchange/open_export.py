"""Opens an export, or a file of rows that another program made."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mmembed.errors import InputError
from mmembed.exchange import export_manifest
from mmembed.exchange.cells import Row
from mmembed.exchange.export_manifest import Manifest
from mmembed.exchange.flat_rows import to_record
from mmembed.exchange.records import ImageRecord, Record
from mmembed.exchange.row_files import JSONL, PARQUET, batches_of, check_library, count_rows
from mmembed.exchange.write_export import upload_place
from mmembed.item_failures import text_of
from mmembed.store.entries import Model
from mmembed.types import Failure

ENDINGS = (PARQUET, JSONL)


@dataclass(frozen=True)
class Export:
    """An opened export; its items are read anew for each iteration."""

    path: Path
    model: Model | None
    """Of the items' vectors; None where there are none."""
    rows: int
    """Items, with the faulty ones."""
    manifest: Manifest | None = None
    """Of a folder; None of a single file."""

    def items(self) -> Iterator[list[Record | Failure]]:
        """The items, some at a time, each or the reason that it cannot be used. Raises InputError
        for a part that cannot be read."""
        for part in self._parts("items"):
            number = 0
            for some in batches_of(part, part.suffix.lower()):
                yield [self._record(part, number + i, row) for i, row in enumerate(some, 1)]
                number += len(some)

    def rows_of(self, holds: str) -> Iterator[list[Row]]:
        """The rows of further parts, some at a time. Raises InputError."""
        for part in self._parts(holds):
            for some in batches_of(part, part.suffix):
                yield [row for row in some if not isinstance(row, InputError)]

    def upload(self, record: ImageRecord) -> bytes:
        """The bytes of an upload: those in the folder, else those at its path. Raises InputError
        where neither has its content."""
        entry = record.entry
        for path in (upload_place(self.path, entry.path, entry.sha256), Path(entry.path)):
            try:
                data = path.read_bytes()
            except (OSError, ValueError):
                continue
            if hashlib.sha256(data).hexdigest() == entry.sha256:
                return data
        raise InputError(
            "the bytes of this upload are neither in the export nor at its path; export to a "
            "folder, which has them"
        )

    def _parts(self, holds: str) -> list[Path]:
        if self.manifest is None:
            return [self.path] if holds == "items" else []
        return [self.path / part.name for part in self.manifest.parts if part.holds == holds]

    def _record(self, part: Path, number: int, row: Row | InputError) -> Record | Failure:
        try:
            if isinstance(row, InputError):
                raise row
            self._check_model(row)
            return to_record(row, self.model.dim if self.model else 0)
        except InputError as error:
            name = f"{part.name}, row {number}"
            path = None if isinstance(row, InputError) else row.get("path")
            of = f" ({path})" if isinstance(path, str) else ""
            return Failure(name, error.code, text_of(f"{name}{of}: {error}"))

    def _check_model(self, row: Row) -> None:
        if row.get("embedding") is None or self.model is None:
            return
        if not row.get("fingerprint"):
            raise InputError("has an embedding without the fingerprint of its model")
        if row["fingerprint"] != self.model.fingerprint:
            raise InputError(
                f"its embedding is of the model {row.get('model')!r:.80}, fingerprint "
                f"{row['fingerprint']!s:.12}…, and the first one's of {self.model.name!r}, "
                f"{self.model.fingerprint:.12}…"
            )


def open_export(path: Path, heed: Callable[[int], None] = lambda count: None) -> Export:
    """Open a folder, all of whose parts are checked, or a Parquet or JSONL file. heed: called with
    the number of checked parts. Raises InputError, which names the faulty part and the remedy."""
    if path.is_dir():
        return _folder(path, heed)
    suffix = path.suffix.lower()
    if suffix in (".csv", ".tsv"):
        raise InputError(
            f"{path}: has no vectors; `mmembed index FOLDER --captions {path.name}` reads "
            "captions, tags and fields from it"
        )
    if suffix not in ENDINGS:
        raise InputError(
            f"{path}: expected a folder that `mmembed export` wrote, or a file that ends with "
            f"{' or '.join(ENDINGS)}"
        )
    return _file(path, suffix)


def _folder(folder: Path, heed: Callable[[int], None]) -> Export:
    manifest = export_manifest.read_manifest(folder)
    if not manifest.complete:
        raise InputError(f"{folder}: this export did not end; run the same export again")
    for part in manifest.parts:
        check_library(Path(part.name).suffix)
    export_manifest.check_parts(folder, manifest.parts, heed)
    return Export(folder, manifest.model, manifest.rows("items"), manifest)


def _file(path: Path, suffix: str) -> Export:
    """The first row with a vector says the model of all."""
    for some in batches_of(path, suffix):
        for row in some:
            model = None if isinstance(row, InputError) else _model_of(row)
            if model is not None:
                return Export(path, model, count_rows(path, suffix))
    return Export(path, None, count_rows(path, suffix))


def _model_of(row: Row) -> Model | None:
    """The model of a row's vector, where it says it."""
    fingerprint, vector = row.get("fingerprint"), row.get("embedding")
    if not isinstance(fingerprint, str) or not fingerprint or vector is None:
        return None
    name = row.get("model")
    return Model(name if isinstance(name, str) else "", fingerprint, _length(vector))


def _length(vector: object) -> int:
    if isinstance(vector, str):
        return (len(vector) // 4 * 3 - vector.count("=")) // 2  # float16 numbers in base64
    return len(vector) if hasattr(vector, "__len__") else 0
