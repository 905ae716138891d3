"""Store → records, some at a time: memory does not grow with the collection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mmembed.exchange.records import ImageRecord, Record, TextRecord, added_to
from mmembed.filters.tree import EVERYTHING, Where
from mmembed.store.chunks import Chunk
from mmembed.store.entries import CaptionEntry, ImageEntry, Model
from mmembed.store.protocol import Store
from mmembed.types import HeaderFacts, Item

PAGE = 1000
"""Items that are read together."""
_FACTS = tuple(HeaderFacts.__dataclass_fields__)


def records(
    store: Store, where: Where = EVERYTHING, *, header_version: int = 0
) -> Iterator[list[Record]]:
    """The images that pass by rising id, with all their captions, then the captions of no image.

    header_version: of the reader of headers; images whose header an older one read say 0. Items
    that are removed meanwhile may be left out.
    """
    unread = _UnreadHeaders(store, header_version)
    after = 0
    while page := store.page(after=after, limit=PAGE, kind="image", where=where):
        after = page[-1].id
        yield list(images_of(store, page, header_version, unread.up_to(after)))
    after = 0
    while page := store.page(after=after, limit=PAGE, kind="caption", where=where):
        after = page[-1].id
        yield list(texts_of(store, [item for item in page if item.image_id is None]))


class _UnreadHeaders:
    """Ids of images whose headers the present reader has not read; each is asked for once."""

    def __init__(self, store: Store, version: int) -> None:
        self._store = store
        self._version = version
        self._pending: list[int] = []
        self._after = 0
        self._ended = False

    def up_to(self, last: int) -> set[int]:
        """Those above the former `last`."""
        while not self._ended and self._after < last:
            files = self._store.headers_to_read(self._version, after=self._after, limit=PAGE)
            self._ended = len(files) < PAGE
            self._pending += [file.item_id for file in files]
            self._after = files[-1].item_id if files else last
        unread = {item_id for item_id in self._pending if item_id <= last}
        self._pending = [item_id for item_id in self._pending if item_id > last]
        return unread


def images_of(
    store: Store,
    items: Sequence[Item],
    header_version: int = 0,
    unread: set[int] = frozenset(),  # type: ignore[assignment]
) -> Iterator[ImageRecord]:
    """The records of images."""
    ids = [item.id for item in items]
    words = store.words_of(ids)
    captions = store.caption_items_of(ids)
    contents = [item.sha256 for item in items]
    vectors, hashes = store.embeddings_of("image", contents), store.image_hashes(contents)
    automatic = store.automatic_tags_of(ids)
    entries = _captions(store, [one for some in captions.values() for one in some])
    for item in items:
        if item.sha256 not in vectors or item.path is None:
            continue  # removed meanwhile
        own = [one for one in captions.get(item.id, ()) if one.id in entries]
        entry = ImageEntry(
            path=item.path,
            sha256=item.sha256,
            embedding=vectors[item.sha256].astype(np.float32),
            width=item.width or 0,
            height=item.height or 0,
            bytes=item.bytes or 0,
            format=item.format or "",
            mtime_ns=item.mtime_ns or 0,
            header=HeaderFacts(**{name: getattr(item, name) for name in _FACTS}),
            header_read=0 if item.id in unread else header_version,
            captions=tuple(entries[one.id] for one in own),
            reading=added_to(words[item.id]),
            added=item.added,
            hashes=hashes.get(item.sha256),
        )
        tags = {one.caption or "": one.tags for one in own if one.tags}
        is_upload = store.blobs.is_upload(item.path, item.sha256)
        yield ImageRecord(item.id, entry, tags, is_upload, tuple(automatic.get(item.id, ())))


def texts_of(store: Store, items: Sequence[Item]) -> Iterator[TextRecord]:
    """The records of captions of no image."""
    entries = _captions(store, items)
    for item in items:
        if item.id in entries:  # else removed meanwhile
            yield TextRecord(item.id, entries[item.id], item.tags)


def _captions(store: Store, items: Sequence[Item]) -> dict[int, CaptionEntry]:
    """Captions with their vectors, by id."""
    if not items:
        return {}
    vectors = store.embeddings_of("caption", [item.sha256 for item in items])
    chunks = _chunks(store, [item.id for item in items])
    return {
        item.id: CaptionEntry(
            item.caption or "",
            vectors[item.sha256].astype(np.float32),
            chunks.get(item.id, ()),
            item.added,
        )
        for item in items
        if item.sha256 in vectors
    }


def _chunks(store: Store, item_ids: Sequence[int]) -> dict[int, tuple[Chunk, ...]]:
    of_items = store.chunks_of(item_ids)
    vector_ids = {chunk.vector_id for chunks in of_items.values() for chunk in chunks}
    if not vector_ids:
        return {}
    ids, rows = store.embeddings(sorted(vector_ids))
    vectors = dict(zip(ids, rows.astype(np.float32), strict=True))
    return {
        item_id: tuple(Chunk(one.start, one.stop, vectors[one.vector_id]) for one in chunks)
        for item_id, chunks in of_items.items()
        if all(one.vector_id in vectors for one in chunks)
    }


def vectors_by(
    store: Store, some: Sequence[Record], model: Model
) -> Mapping[tuple[str, str], NDArray[np.float16]]:
    """The vectors that a further model has of these items' contents, by kind and sha256. A long
    caption's is the mean of its chunks'."""
    images = [record for record in some if isinstance(record, ImageRecord)]
    captions = [caption for record in images for caption in record.entry.captions]
    captions += [record.entry for record in some if isinstance(record, TextRecord)]
    of_images = store.embeddings_of("image", [one.entry.sha256 for one in images], model)
    of_captions = store.embeddings_of("caption", [one.sha256 for one in captions], model)
    return {
        **{("image", sha256): row for sha256, row in of_images.items()},
        **{("caption", sha256): row for sha256, row in of_captions.items()},
    }
