"""A collection → an archive of its pictures, or XMP sidecars with their tags."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from mmembed.collection.collection import Collection
from mmembed.collection.export_wishes import ListWishes
from mmembed.collection.item_files import IndexedFiles
from mmembed.collection.open_pipeline import open_sources
from mmembed.collection.open_store import open_store
from mmembed.config.limits import Limits
from mmembed.config.settings import Settings
from mmembed.exchange.lists import item_pages
from mmembed.exchange.write_export import Exported
from mmembed.exchange.write_sidecars import write_sidecars
from mmembed.exchange.write_zip import write_zip
from mmembed.fetch.fetcher import Fetcher
from mmembed.filters.parse import parse_where
from mmembed.store.protocol import Store
from mmembed.types import Hit, Item, Progress, Term


def export_pictures(
    settings: Settings, to: Path | None, where: str, wishes: ListWishes, progress: Progress
) -> Exported:
    """Write an archive of the pictures that pass, or sidecars with their tags. to: the archive, or
    the folder of the sidecars; None: beside the pictures. Raises InputError, StoreError."""
    with _chosen(settings, where, wishes) as (store, pages, total):
        exported = Exported(to or Path("sidecars beside the pictures"), None)
        counted = _counted(pages, total, exported, progress)
        if wishes.xmp:
            write_sidecars(counted, exported, to, store.blobs.is_upload)
        else:
            limit, allow = Limits.of(settings).image_bytes, settings.fetch_allow
            with closing(Fetcher(max_bytes=limit, allow=allow)) as fetcher:
                indexed = IndexedFiles(store, open_sources(settings, fetcher))
                write_zip(counted, exported, indexed.open)
    return exported


@contextmanager
def _chosen(
    settings: Settings, where: str, wishes: ListWishes
) -> Iterator[tuple[Store, Iterator[Sequence[Item]], int]]:
    """The pictures that pass, or the results of a search, some at a time, and how many."""
    if wishes.query:
        with Collection(settings) as collection:
            collection.make_bank(lambda done, total, failed: None)
            hits = hits_of(collection, where, wishes)
            yield collection.store, ([hit.item for hit in page] for page in hits), wishes.k
        return
    with closing(open_store(settings)) as store:
        passing = parse_where(where)
        yield store, item_pages(store, "image", passing), store.count("image", passing)


def _counted(
    pages: Iterator[Sequence[Item]], total: int, exported: Exported, progress: Progress
) -> Iterator[Sequence[Item]]:
    done = 0
    for page in pages:
        yield page
        done += len(page)
        progress(done, max(done, total), len(exported.failures))


def hits_of(collection: Collection, where: str, wishes: ListWishes) -> Iterator[Sequence[Hit]]:
    """The results of the search that was wished for, some at a time."""
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
