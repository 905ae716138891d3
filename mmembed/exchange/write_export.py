"""Records → a folder with numbered parts, or one file."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from mmembed import files
from mmembed.errors import InputError, StoreError, StoreFull
from mmembed.exchange import export_manifest
from mmembed.exchange.cells import Row, base64_of
from mmembed.exchange.export_manifest import ExportPart, Manifest
from mmembed.exchange.flat_rows import to_row
from mmembed.exchange.read_store import records, vectors_by
from mmembed.exchange.records import ImageRecord, Record
from mmembed.exchange.row_files import (
    ITEM_COLUMNS,
    JSONL,
    VECTOR_COLUMNS,
    check_library,
    writer_for,
)
from mmembed.filters.tree import EVERYTHING, Where
from mmembed.store.entries import Model
from mmembed.store.protocol import Store
from mmembed.store.record_protocol import NEVER_EXPORTED
from mmembed.types import Failure, Progress

PART_BYTES = 32 * 2**20
"""A part ends when it is larger."""
NO_MODEL = Model("", "", 1)
"""Stands for the model of an empty collection."""


@dataclass(frozen=True)
class WantedItems:
    """The items of an export."""

    where: Where = EVERYTHING
    where_text: str = ""
    """The filter as it was given."""
    header_version: int = 0
    """Of the reader of headers, see `read_store.records`."""


@dataclass
class Exported:
    """The result of an export."""

    path: Path
    model: Model | None = None
    counts: dict[str, int] = field(default_factory=dict)
    """Written images, captions, tags, vectors, uploads …; of an image's captions, all."""
    bytes: int = 0
    failures: list[Failure] = field(default_factory=list)
    """Uploads whose bytes could not be copied."""
    seconds: float = 0.0

    def count(self, name: str, number: int = 1) -> None:
        """Add to a count."""
        self.counts[name] = self.counts.get(name, 0) + number


class PartFiles:
    """Writes rows to numbered parts of a folder."""

    def __init__(
        self, folder: Path, holds: str, suffix: str, columns: Sequence[str], *,
        dim: int = 1, stem: str = "",
    ) -> None:  # fmt: skip
        """stem: of the parts' names; `holds` by default. dim: of embeddings."""
        self._folder, self._holds, self._suffix = folder, holds, suffix
        self._columns, self._dim = columns, dim
        self._stem = stem or holds
        self._begin()
        self.parts: list[ExportPart] = []

    def _begin(self) -> None:
        self._file = io.BytesIO()
        self._writer = writer_for(self._suffix, self._file, self._columns, self._dim)
        self._rows = 0

    def write(self, rows: Sequence[Row]) -> None:
        """Append rows. Raises OSError."""
        if rows:
            self._writer.write(rows)
            self._rows += len(rows)
        if self._file.tell() > PART_BYTES:
            self.close()
            self._begin()

    def close(self) -> None:
        """Put the last part in place. Raises OSError."""
        self._writer.close()
        if not self._rows:
            return
        content = self._file.getbuffer()
        name = f"{self._stem}-{len(self.parts) + 1:05}{self._suffix}"
        files.replace(self._folder / name, content, durable=True, one_writer=True)
        digest = hashlib.sha256(content).hexdigest()
        self.parts.append(ExportPart(name, self._holds, self._rows, len(content), digest))


def export_file(store: Store, path: Path, wanted: WantedItems, progress: Progress) -> Exported:
    """Write all items that pass to one Parquet or JSONL file, in place of one that is there; it is
    whole or not there. Uploads' bytes are not in it. Raises InputError, StoreError."""
    suffix = path.suffix.lower()
    check_library(suffix)
    model = store.model() or NO_MODEL
    exported = Exported(path, store.model())
    with writing(path), files.replacing(path, durable=True) as file:
        writer = writer_for(suffix, file, ITEM_COLUMNS, model.dim)
        for some in _counted(store, wanted, exported, progress):
            writer.write([to_row(record, model) for record in some])
        writer.close()
        exported.bytes = file.tell()
    return exported


def export_folder(
    store: Store, folder: Path, suffix: str, wanted: WantedItems, progress: Progress
) -> Exported:
    """Write all items that pass to a new folder, with the vectors of all models and the bytes of
    uploads; without a filter, with failures and removed files, too. suffix: of the parts.

    The folder is no export until its manifest is in place, last of all. Raises InputError for a
    folder that holds something else, StoreError.
    """
    check_library(suffix)
    exported = Exported(folder, store.model())
    with writing(folder):
        begin_folder(folder)
        manifest = Manifest(
            model=store.model(),
            more_models=tuple(one for one in store.models() if one != store.model()),
            indexed_fields=tuple(one.name for one in store.fields() if one.indexed),
            where=wanted.where_text,
            collection=store.identity,
            complete=False,
        )
        export_manifest.write_manifest(folder, manifest)
        parts = _write_items(store, folder, suffix, wanted, exported, manifest, progress)
        if not wanted.where_text:
            parts += _write_facts(store, folder)
        exported.bytes += sum(part.bytes for part in parts)
        whole = Manifest(
            **{**vars(manifest), "parts": tuple(parts), "counts": exported.counts, "complete": True}
        )
        export_manifest.write_manifest(folder, whole)
    return exported


def begin_folder(folder: Path) -> None:
    """Make a folder for an export, or empty that of an export which did not end. Raises InputError
    for a folder with anything else, OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    if export_manifest.is_export(folder):
        if export_manifest.read_manifest(folder).complete:
            raise InputError(
                f"{folder}: holds an export already; name another folder, or delete it"
            )
        for pattern in ("*.parquet", "*.jsonl", f"*{files.ASIDE}"):
            for left in folder.glob(pattern):
                left.unlink()
    elif any(folder.iterdir()):
        raise InputError(f"{folder}: is not empty; name a new folder")


def _write_items(
    store: Store, folder: Path, suffix: str, wanted: WantedItems, exported: Exported,
    manifest: Manifest, progress: Progress,
) -> list[ExportPart]:  # fmt: skip
    model = manifest.model or NO_MODEL
    items = PartFiles(folder, "items", suffix, ITEM_COLUMNS, dim=model.dim)
    further = [
        (
            one,
            PartFiles(folder, "vectors", suffix, VECTOR_COLUMNS, dim=one.dim, stem=f"vectors-{n}"),
        )
        for n, one in enumerate(manifest.more_models, 1)
    ]
    for some in _counted(store, wanted, exported, progress):
        items.write([to_row(record, model) for record in some])
        for other, parts in further:
            rows = [
                {"kind": kind, "sha256": sha256, "model": other.name,
                 "fingerprint": other.fingerprint, "embedding": vector}
                for (kind, sha256), vector in vectors_by(store, some, other).items()
            ]  # fmt: skip
            exported.count("vectors of further models", len(rows))
            parts.write(rows)
        for record in some:
            if isinstance(record, ImageRecord) and record.is_upload:
                _copy_upload(store, folder, record, exported)
    for parts in (items, *(parts for _, parts in further)):
        parts.close()
    return [*items.parts, *(part for _, parts in further for part in parts.parts)]


def _write_facts(store: Store, folder: Path) -> list[ExportPart]:
    """Write the facts that indexing remembers besides items, and the records."""
    failures = PartFiles(folder, "failures", JSONL, ())
    failures.write([vars(failure) for failure in store.failures()])
    kept_out = PartFiles(folder, "kept-out", JSONL, ())
    kept_out.write(
        [
            {"path": path, "sha256": kept.sha256, "device": kept.device}
            for path, kept in sorted(store.kept_out().items())
        ]
    )
    records = PartFiles(folder, "records", JSONL, ())
    for kind in sorted({*store.record_kinds()} - NEVER_EXPORTED):
        for name, content in store.records(kind).items():
            records.write([{"kind": kind, "name": name, "content": base64_of(content)}])
    for parts in (failures, kept_out, records):
        parts.close()
    return [*failures.parts, *kept_out.parts, *records.parts]


def upload_place(folder: Path, path: str, sha256: str) -> Path:
    """Where an upload lies in the folder of an export."""
    suffix = PurePath(path).suffix
    return folder / export_manifest.UPLOADS / sha256[:2] / f"{sha256}{suffix}"


def _copy_upload(store: Store, folder: Path, record: ImageRecord, exported: Exported) -> None:
    path, sha256 = record.entry.path, record.entry.sha256
    to = upload_place(folder, path, sha256)
    try:
        with open(store.blobs.local_path(path, sha256), "rb") as file:
            data = file.read()
        if hashlib.sha256(data).hexdigest() != sha256:
            raise OSError(0, "its content has changed")
    except OSError as error:
        message = f"{path}: the upload cannot be copied: {error.strerror}"
        exported.failures.append(Failure(path, "StoreError", message))
        return
    if not to.exists() or to.stat().st_size != len(data):
        to.parent.mkdir(parents=True, exist_ok=True)
        files.replace(to, data, durable=True)
    exported.count("uploads")
    exported.bytes += len(data)


def _counted(
    store: Store, wanted: WantedItems, exported: Exported, progress: Progress
) -> Iterator[list[Record]]:
    total = store.count("image", wanted.where)
    done = 0
    progress(0, total, 0)
    for some in records(store, wanted.where, header_version=wanted.header_version):
        for record in some:
            _count(record, exported)
        yield some
        done += len(some)
        total = max(total, done)
        progress(done, total, len(exported.failures))


def _count(record: Record, exported: Exported) -> None:
    if isinstance(record, ImageRecord):
        exported.count("images")
        exported.count("captions", len(record.entry.captions))
        exported.count("tags", len(record.words.tags))
        exported.count("automatic tags", len(record.automatic))
    else:
        exported.count("captions")
        exported.count("tags", len(record.tags))


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """A block that writes files; its OSErrors become ours. Raises StoreError, StoreFull."""
    try:
        yield
    except OSError as error:
        kind = StoreFull if files.is_full(error) else StoreError
        named = error.filename or os.fspath(path)
        raise kind(f"{named}: cannot be written: {error.strerror or error}") from error
