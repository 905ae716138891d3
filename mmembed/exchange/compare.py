"""Compares an export with a collection: item by item, and by a hundred searches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mmembed.exchange.flat_rows import content_digest
from mmembed.exchange.open_export import Export
from mmembed.exchange.read_store import images_of, texts_of
from mmembed.exchange.records import ImageRecord, Record, TextRecord
from mmembed.filters.tree import Test
from mmembed.store.protocol import Store
from mmembed.types import Failure, Phase, Progress

QUERIES, FIRST = 100, 10
"""Searches, and the results of each that are compared."""
MOST_RESULTS = 1000
"""Results of a collection that holds more items than the export."""
TIE = 1e-5
"""Cosines that differ by less are equal: an export may hold float32 numbers."""
SHOWN = 20
"""Faulty items that are named."""


@dataclass
class ExportComparison:
    """How a collection differs from an export."""

    images: int = 0
    captions: int = 0
    """Items of the export; the captions of no image alone."""
    same: int = 0
    """Items that are in both with the same contents and vectors."""
    missing: int = 0
    differing: int = 0
    faulty: int = 0
    """Rows of the export that cannot be used."""
    more_images: int = 0
    """Images that only the collection has."""
    named: list[str] = field(default_factory=list)
    """The first items that are missing or differ."""
    searches: int = 0
    results: int = 0
    """Results of the searches of the export."""
    alike: int = 0
    """Results that the collection gives, too."""

    def note(self, what: str, name: str) -> None:
        """Name an item."""
        if len(self.named) < SHOWN:
            self.named.append(f"{what}: {name}")


def compare(store: Store, export: Export, progress: Progress, phase: Phase) -> ExportComparison:
    """Compare every item, then the first ten results of a hundred searches, each by the vector of
    an image. Raises InputError, StoreError."""
    report = ExportComparison()
    queries: list[NDArray[np.float32]] = []
    step = max(1, export.rows // QUERIES)
    done = 0
    for some in export.items():
        report.faulty += sum(isinstance(one, Failure) for one in some)
        whole = [one for one in some if not isinstance(one, Failure)]
        _compare_items(store, whole, report)
        for index, one in enumerate(some, done):
            is_chosen = index % step == 0 and len(queries) < QUERIES
            vector = one.entry.embedding if isinstance(one, ImageRecord) else None
            if is_chosen and vector is not None:
                queries.append(_unit(vector))
        done += len(some)
        progress(done, max(done, export.rows), report.missing + report.differing)
    report.more_images = max(0, store.count("image") - (report.images - report.missing))
    if queries:
        phase("comparing searches", 0)
        _compare_searches(store, export, np.stack(queries), report)
    return report


def _compare_items(store: Store, some: Sequence[Record], report: ExportComparison) -> None:
    images = [record for record in some if isinstance(record, ImageRecord)]
    texts = [record for record in some if isinstance(record, TextRecord)]
    report.images += len(images)
    report.captions += len(texts)
    here = _here(store, images)
    records = {one.id: one for one in images_of(store, store.items(list(here.values())))}
    pairs: list[tuple[Record, Record | None]] = [
        (record, records.get(here.get(record.entry.path, 0))) for record in images
    ]
    own_texts = {one.entry.sha256: one for one in _texts(store, texts)}
    pairs += [(record, own_texts.get(record.entry.sha256)) for record in texts]
    for record, own in pairs:
        if own is None:
            report.missing += 1
            report.note("missing", record.name)
        elif content_digest(record) != content_digest(own):
            report.differing += 1
            report.note("differs", record.name)
        else:
            report.same += 1


def _here(store: Store, images: Sequence[ImageRecord]) -> dict[str, int]:
    """Ids of the images in the store by their paths in the export: an upload may lie elsewhere."""
    at = store.images_at([record.entry.path for record in images])
    here = {path: image.item_id for path, image in at.items()}
    for record in images:
        entry = record.entry
        if record.is_upload and entry.path not in here:
            for image in store.images_of(entry.sha256):
                if store.blobs.is_upload(image.path, entry.sha256):
                    here[entry.path] = image.item_id
    return here


def _texts(store: Store, texts: Sequence[TextRecord]) -> Iterator[TextRecord]:
    for record in texts:
        item = store.content("caption", record.entry.sha256)
        if item is not None and item.image_id is not None:  # an image says the same
            where = Test("caption", "=", record.entry.text)
            alike = store.page(after=0, limit=MOST_RESULTS, kind="caption", where=where)
            item = next((one for one in alike if one.image_id is None), None)
        if item is not None:
            yield from texts_of(store, [item])


def _compare_searches(
    store: Store, export: Export, queries: NDArray[np.float32], report: ExportComparison
) -> None:
    expected = _nearest(export, queries)
    count = min(FIRST + report.more_images, MOST_RESULTS)
    for query, nearest in zip(queries, expected, strict=True):
        hits = store.search(query, count, kind="image").hits
        contents = {item.sha256 for item, _ in hits}
        least = hits[-1][1] if hits else 2.0
        report.searches += 1
        report.results += len(nearest)
        report.alike += sum(
            sha256 in contents or abs(score - least) < TIE for score, sha256 in nearest
        )


def _nearest(export: Export, queries: NDArray[np.float32]) -> list[list[tuple[float, str]]]:
    """The nearest images of each query in the export, with their cosines; exact."""
    best: list[list[tuple[float, str]]] = [[] for _ in queries]
    for some in export.items():
        images = [
            record.entry for record in some
            if isinstance(record, ImageRecord) and record.entry.embedding is not None
        ]  # fmt: skip
        if not images:
            continue
        rows = np.stack([_unit(e.embedding) for e in images if e.embedding is not None])
        cosines = rows @ queries.T
        for number, column in enumerate(cosines.T):
            top = np.argsort(-column)[:FIRST]
            best[number] += [(float(column[row]), images[row].sha256) for row in top]
            best[number] = sorted(best[number], key=lambda pair: -pair[0])[:FIRST]
    return best


def _unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """The vector as a store keeps it, unit-norm."""
    stored = vector.astype(np.float16).astype(np.float32)
    unit: NDArray[np.float32] = stored / np.linalg.norm(stored)
    return unit
