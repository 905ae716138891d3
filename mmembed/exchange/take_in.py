"""Records → a store. What is there is skipped, so an interrupted import is simply run again."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath

import numpy as np

from mmembed.errors import InputError, LimitError, ModelMismatch, StoreError
from mmembed.exchange import cells
from mmembed.exchange.open_export import Export
from mmembed.exchange.records import ImageRecord, Record, TextRecord
from mmembed.filters.fields import META
from mmembed.ingest.embed_batches import each_where_needed
from mmembed.item_failures import ends_all, failure_of
from mmembed.store.entries import ImageEntry, KeptOut, Model, same
from mmembed.store.protocol import Store
from mmembed.types import Failure, Kind, Phase, Progress

SHOWN_FAILURES = 1000
"""Failures that are kept; the others are counted."""
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,10}")


@dataclass
class Imported:
    """The result of an import."""

    rows: int = 0
    """Items that the export holds."""
    added: int = 0
    described: int = 0
    """Items that were there, and got captions, tags or fields that they had not."""
    unchanged: int = 0
    other_content: int = 0
    """Images at whose paths the collection has another content, which stays."""
    uploads: int = 0
    """Of the added items."""
    vectors: int = 0
    """Vectors of further models."""
    failed: int = 0
    failures: list[Failure] = field(default_factory=list)
    """The first of them."""
    seconds: float = 0.0

    def fail(self, failures: Iterable[Failure]) -> None:
        """Count failures, and keep the first."""
        for failure in failures:
            self.failed += 1
            if len(self.failures) < SHOWN_FAILURES:
                self.failures.append(failure)


class TakingIn:
    """Takes the items of an export into a store."""

    def __init__(self, store: Store, export: Export, *, places: bool = True) -> None:
        """places: whether latitudes and longitudes are kept."""
        self._store = store
        self._export = export
        self._places = places
        self._report = Imported(rows=export.rows)

    def run(self, progress: Progress, phase: Phase) -> Imported:
        """Take everything in. Raises ModelMismatch before anything is written if the vectors are
        of another model than the collection's; InputError, StoreBusy beside an indexing,
        StoreError."""
        started = time.monotonic()
        report = self._report
        with self._store.exclusive("indexing"):
            self._claim()
            done = 0
            progress(0, report.rows, 0)
            for some in self._export.items():
                self._take([one for one in some if not isinstance(one, Failure)])
                report.fail(one for one in some if isinstance(one, Failure))
                done += len(some)
                progress(done, max(done, report.rows), report.failed)
            self._take_vectors(phase)
            self._take_facts()
            phase("saving the index", 0)
            self._store.publish()
        report.seconds = time.monotonic() - started
        return report

    def _claim(self) -> None:
        known, model = self._store.model(), self._export.model
        if known is None:
            check_model(self._export, self._store.name)
        if model is None:
            return
        if known is not None and known.fingerprint != model.fingerprint:
            raise ModelMismatch(_mismatch(self._export, model, self._store.name, known))
        self._store.claim(known or model)

    # -- items -----------------------------------------------------------------------

    def _take(self, records: Sequence[Record]) -> None:
        images = [record for record in records if isinstance(record, ImageRecord)]
        self._take_images([record for record in images if not record.is_upload])
        for record in images:
            if record.is_upload:
                self._take_upload(record)
        self._take_texts([record for record in records if isinstance(record, TextRecord)])

    def _take_images(self, records: Sequence[ImageRecord]) -> None:
        there = self._store.images_at([record.entry.path for record in records])
        new: dict[str, ImageRecord] = {}
        known: list[tuple[int, ImageRecord]] = []
        for record in records:
            image = there.get(record.entry.path)
            if image is None:
                new.setdefault(record.entry.path, record)
            elif image.sha256 == record.entry.sha256:
                known.append((image.item_id, record))
            else:
                self._report.other_content += 1
        self._add(list(new.values()))
        self._describe(known)

    def _add(self, records: Sequence[ImageRecord]) -> None:
        done, failures = each_where_needed(
            lambda some: self._store.write([self._entry(record) for record in some]),
            records,
            lambda record: record.name,
        )
        self._report.added += len(done)
        self._report.fail(failures)
        if any(record.caption_tags for record in done):
            there = self._store.images_at([record.entry.path for record in done])
            for record in done:
                self._tag_captions(there[record.entry.path].item_id, record)

    def _entry(self, record: ImageRecord) -> ImageEntry:
        if self._places or record.entry.header is None:
            return record.entry
        header = replace(record.entry.header, latitude=None, longitude=None)
        return replace(record.entry, header=header)

    def _describe(self, known: Sequence[tuple[int, ImageRecord]]) -> None:
        """Add the words that items lack."""
        before = self._store.words_of([item_id for item_id, _ in known])
        lacking = []
        for item_id, record in known:
            reading, words = record.entry.reading, before[item_id]
            if reading is not None and not same(reading.after(words), words):
                lacking.append((item_id, record))
        done, failures = each_where_needed(
            lambda some: self._store.describe(
                [(item_id, one.entry.reading, one.entry.captions) for item_id, one in some
                 if one.entry.reading is not None]
            ),
            lacking,
            lambda pair: pair[1].name,
        )  # fmt: skip
        self._report.fail(failures)
        self._report.described += len(done)
        self._report.unchanged += len(known) - len(lacking)
        for item_id, record in known:
            self._tag_captions(item_id, record)

    def _tag_captions(self, image_id: int, record: ImageRecord) -> None:
        """Add the tags that captions themselves have."""
        if not record.caption_tags:
            return
        for caption in self._store.caption_items_of([image_id]).get(image_id, ()):
            tags = {*caption.tags, *record.caption_tags.get(caption.caption or "", ())}
            if tags != {*caption.tags}:
                self._store.update(caption.id, tags=sorted(tags))

    def _take_upload(self, record: ImageRecord) -> None:
        entry, blobs = record.entry, self._store.blobs
        for image in self._store.images_of(entry.sha256):
            if blobs.is_upload(image.path, entry.sha256):
                self._describe([(image.item_id, record)])
                return
        try:
            suffix = PurePath(entry.path).suffix
            if not _SUFFIX.fullmatch(suffix):
                raise InputError(f"an upload whose name ends with {suffix!r:.20}")
            with blobs.keeping(entry.sha256, suffix, self._export.upload(record)) as upload:
                placed = replace(self._entry(record), path=upload.path)
                [item_id] = self._store.write([placed])
        except BaseException as error:
            if ends_all(error):
                raise
            self._report.fail([failure_of(record.name, error)])
            return
        self._tag_captions(item_id, record)
        self._report.added += 1
        self._report.uploads += 1

    def _take_texts(self, records: Sequence[TextRecord]) -> None:
        if not records:
            return
        newest = self._store.newest_item()
        ids: list[int] = []
        done, failures = each_where_needed(
            lambda some: ids.extend(
                self._store.write_captions([(one.entry, one.tags) for one in some])
            ),
            records,
            lambda record: record.name,
        )
        added = sum(item_id > newest for item_id in set(ids))
        self._report.added += added
        self._report.unchanged += len(done) - added
        self._report.fail(failures)

    # -- what belongs to no item alone -----------------------------------------------

    def _take_vectors(self, phase: Phase) -> None:
        manifest = self._export.manifest
        models = {one.fingerprint: one for one in manifest.more_models} if manifest else {}
        for some in self._export.rows_of("vectors"):
            by_model: dict[tuple[str, Kind], dict[str, np.ndarray]] = {}
            for row in some:
                try:
                    model = models[str(row.get("fingerprint"))]
                    vector = cells.vector(row.get("embedding"), model.dim)
                    kind: Kind = "caption" if row.get("kind") == "caption" else "image"
                    digest = cells.digest(row, "sha256")
                except (InputError, KeyError) as error:
                    self._report.fail(
                        [failure_of("a vector of a further model", InputError(str(error)))]
                    )
                    continue
                by_model.setdefault((model.fingerprint, kind), {})[digest] = vector
            for (fingerprint, of_kind), vectors in by_model.items():
                self._store.add_embeddings(of_kind, vectors, models[fingerprint])
                self._report.vectors += len(vectors)
            phase("taking in vectors of further models", self._report.vectors)

    def _take_facts(self) -> None:
        """Failures, files that stay out, and indexes of fields."""
        for some in self._export.rows_of("failures"):
            there = self._store.images_at([str(row["name"]) for row in some])
            failures = [
                Failure(str(row["name"]), str(row["code"]), str(row["message"]))
                for row in some
                if row["name"] not in there
            ]
            self._store.write([], failures)
        known = self._store.kept_out()
        for some in self._export.rows_of("kept-out"):
            there = self._store.images_at([str(row["path"]) for row in some])
            new = {
                str(row["path"]): KeptOut(row.get("sha256"), row.get("device"))
                for row in some
                if row["path"] not in there and row["path"] not in known
            }
            self._store.keep_out(new)
        for name in self._export.manifest.indexed_fields if self._export.manifest else ():
            try:
                self._store.index_field(name.removeprefix(META))
            except (LimitError, StoreError) as error:
                self._report.fail([failure_of(name, InputError(str(error)))])


def check_model(export: Export, name: str) -> None:
    """Raises InputError where an empty store, with its name, would not learn its model."""
    if export.model is None and export.rows:
        raise InputError(
            f"{export.path}: no row has an embedding with the fingerprint of its model, and "
            f"{name} is empty; `mmembed export` writes both"
        )
    if export.model is not None and not export.model.name:
        raise InputError(
            f"{export.path}: no column names the model, and {name} is empty; add a column model "
            "with its id, such as bundled"
        )


def _mismatch(export: Export, model: Model, name: str, known: Model) -> str:
    if model.name == known.name:
        return (
            f"{export.path} holds vectors of another version of {model.name} (fingerprint "
            f"{model.fingerprint:.12}…) than {name} (fingerprint {known.fingerprint:.12}…), and "
            "the two cannot be compared; import into another store"
        )
    return (
        f"{export.path} holds vectors of {model.name}, and {name} those of {known.name}: the two "
        "cannot be compared; import into another store, or index the pictures with that model"
    )
