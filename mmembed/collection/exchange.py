"""A collection → files, and files → a collection. No model is needed but for a search by words."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from mmembed.collection.collection import Collection
from mmembed.collection.open_store import open_store
from mmembed.config.settings import Settings
from mmembed.errors import InputError
from mmembed.exchange.compare import ExportComparison, compare
from mmembed.exchange.imported import Imported
from mmembed.exchange.lists import EMBEDDING, columns_of, hit_rows, item_pages, list_rows
from mmembed.exchange.open_export import Export, open_export
from mmembed.exchange.row_files import JSONL, PARQUET, has_parquet
from mmembed.exchange.take_in import TakingIn, check_model
from mmembed.exchange.write_export import Exported, WantedItems, export_file, export_folder
from mmembed.exchange.write_lists import CSV, LIST_ENDINGS, NPY, list_writer
from mmembed.filters.parse import parse_where
from mmembed.media.header import HeaderReader
from mmembed.store.protocol import Store
from mmembed.types import Hit, Kind, Phase, Progress, Term

__all__ = ["ExportComparison", "Exported", "Imported", "ListWishes", "check_target"]

FILE_ENDINGS = (PARQUET, JSONL)
ENDINGS = (*FILE_ENDINGS, CSV, NPY)


@dataclass(frozen=True)
class ListWishes:
    """The rows and columns of a list."""

    columns: tuple[str, ...] = ()
    """All, if there are none."""
    query: str = ""
    """Words to search for; the list then has the results."""
    k: int = 100
    """How many results."""
    kind: Kind = "image"


def check_target(to: Path, wishes: ListWishes) -> None:
    """Raises InputError for an ending that is unknown, or cannot hold what is wished for."""
    suffix = to.suffix.lower()
    if suffix and suffix not in ENDINGS and not to.is_dir():
        raise InputError(
            f"--to {to}: expected a folder, or a file that ends with {', '.join(ENDINGS)}; make a "
            "folder with a dot in its name first"
        )
    if (wishes.query or wishes.columns) and suffix not in LIST_ENDINGS:
        option = "--query" if wishes.query else "--columns"
        raise InputError(
            f"--to {to}: {option} makes a list, which ends with {', '.join(LIST_ENDINGS)}; a "
            "folder and a Parquet file hold whole items"
        )


def export_to(
    settings: Settings, to: Path, where: str, wishes: ListWishes, progress: Progress
) -> Exported:
    """Export the items that pass a filter to a folder or a file, see docs/moving.md. Raises
    InputError, StoreError."""
    check_target(to, wishes)
    started = time.monotonic()
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
    exported.seconds = time.monotonic() - started
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
        for hits in _hits(collection, where, wishes):
            rows = hit_rows(store, hits, columns)
            writer.write(rows)
            exported.count("rows", len(rows))
    exported.bytes = to.stat().st_size
    return exported


def _hits(collection: Collection, where: str, wishes: ListWishes) -> Iterator[Sequence[Hit]]:
    left, cursor = wishes.k, None
    while left > 0:
        page = collection.search(
            [Term(text=wishes.query)],
            k=min(left, collection.settings.max_k),
            kind=wishes.kind,
            cursor=cursor,
            where=parse_where(where),
        )
        yield page.hits
        left -= len(page.hits)
        cursor = page.next_cursor
        if cursor is None or not page.hits:
            return


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
