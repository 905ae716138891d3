"""A collection → files, and files → a collection. No model is needed but for a search by words."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

from mmembed.collection.collection import Collection
from mmembed.collection.export_pictures import export_pictures, hits_of
from mmembed.collection.export_wishes import FILE_ENDINGS, ZIP, ListWishes, check_target
from mmembed.collection.open_store import open_store
from mmembed.config.settings import Settings
from mmembed.exchange.compare import ExportComparison, compare
from mmembed.exchange.imported import Imported
from mmembed.exchange.lists import EMBEDDING, columns_of, hit_rows, item_pages, list_rows
from mmembed.exchange.open_export import Export, open_export
from mmembed.exchange.row_files import JSONL, PARQUET, has_parquet
from mmembed.exchange.take_in import TakingIn, check_model
from mmembed.exchange.write_export import Exported, WantedItems, export_file, export_folder
from mmembed.exchange.write_lists import CSV, NPY, list_writer
from mmembed.filters.parse import parse_where
from mmembed.media.header import HeaderReader
from mmembed.store.protocol import Store
from mmembed.types import Phase, Progress

__all__ = ["ExportComparison", "Exported", "Imported"]


def export_to(
    settings: Settings, to: Path | None, where: str, wishes: ListWishes, progress: Progress
) -> Exported:
    """Export the items that pass a filter to a folder or a file, see docs/moving.md. to: None for
    sidecars beside the pictures. Raises InputError, StoreError."""
    check_target(to, wishes)
    started = time.monotonic()
    if to is None or wishes.xmp or to.suffix.lower() == ZIP:
        exported = export_pictures(settings, to, where, wishes, progress)
    else:
        exported = _export_items(settings, to, where, wishes, progress)
    exported.seconds = time.monotonic() - started
    return exported


def _export_items(
    settings: Settings, to: Path, where: str, wishes: ListWishes, progress: Progress
) -> Exported:
    suffix = to.suffix.lower()
    if wishes.query:
        with Collection(settings) as collection:
            exported = _search_list(collection, to, where, wishes)
    else:
        with closing(open_store(settings)) as store:
            if not settings.location:
                store.forget_places()
            if wishes.columns or suffix in (CSV, NPY):
                exported = _list(store, to, where, wishes, progress)
            else:
                version = HeaderReader(places=settings.location).version
                wanted = WantedItems(parse_where(where), where, version)
                exported = (
                    export_file(store, to, wanted, progress) if suffix in FILE_ENDINGS
                    else export_folder(store, to, _part_format(), wanted, progress)
                )  # fmt: skip
    return exported


def _part_format() -> str:
    return PARQUET if has_parquet() else JSONL


def _list(store: Store, to: Path, where: str, wishes: ListWishes, progress: Progress) -> Exported:
    columns = _columns(store, to, wishes)
    model = store.model()
    exported = Exported(to, model)
    total = store.count(wishes.kind, parse_where(where))
    with list_writer(to, columns, model.dim if model else 1) as writer:
        done = 0
        for page in item_pages(store, wishes.kind, parse_where(where)):
            rows = list_rows(store, page, columns)
            writer.write(rows)
            exported.count("rows", len(rows))
            done += len(page)
            progress(done, max(done, total), 0)
    exported.bytes = to.stat().st_size
    return exported


def _columns(store: Store, to: Path, wishes: ListWishes) -> tuple[str, ...]:
    columns = columns_of(store, wishes.columns, hits=bool(wishes.query))
    if to.suffix.lower() == NPY and EMBEDDING not in columns:
        columns = (*columns, EMBEDDING)
    return columns


def _search_list(collection: Collection, to: Path, where: str, wishes: ListWishes) -> Exported:
    store = collection.store
    columns = _columns(store, to, wishes)
    model = store.model()
    exported = Exported(to, model)
    if wishes.kind == "image":
        collection.make_bank(lambda done, total, failed: None)
    with list_writer(to, columns, model.dim if model else 1) as writer:
        for hits in hits_of(collection, where, wishes):
            rows = hit_rows(store, hits, columns)
            writer.write(rows)
            exported.count("rows", len(rows))
    exported.bytes = to.stat().st_size
    return exported


def import_from(settings: Settings, source: Path, progress: Progress, phase: Phase) -> Imported:
    """Take the items of an export into the collection, which is made where there is none; run again
    after an interruption, it goes on. Raises InputError, ModelMismatch, StoreBusy, StoreError."""
    export = _opened(source, phase)  # before a folder is made
    if not settings.is_made:
        check_model(export, settings.place)
    with closing(open_store(settings)) as store:
        return TakingIn(store, export, places=settings.location).run(progress, phase)


def compare_with(
    settings: Settings, source: Path, progress: Progress, phase: Phase
) -> ExportComparison:
    """Compare an export with the collection. Raises InputError, StoreError."""
    export = _opened(source, phase)
    with closing(open_store(settings)) as store:
        return compare(store, export, progress, phase)


def _opened(source: Path, phase: Phase) -> Export:
    return open_export(source, lambda count: phase("verifying the parts", count))
