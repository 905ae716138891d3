"""Records → items of a store. Items that are there stay, and get the words that they lack."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import PurePath

from mmembed.errors import InputError
from mmembed.exchange.imported import Imported
from mmembed.exchange.records import ImageRecord, Record, TextRecord
from mmembed.ingest.embed_batches import each_where_needed
from mmembed.item_failures import ends_all, failure_of
from mmembed.store.entries import CaptionEntry, ImageEntry, same
from mmembed.store.protocol import Store

_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,10}")


class TakingItems:
    """Writes records into a store, and counts them in a report."""

    def __init__(
        self,
        store: Store,
        report: Imported,
        upload: Callable[[ImageRecord], bytes],
        *,
        places: bool,
    ) -> None:
        """upload: gives the bytes of an upload. places: whether latitudes and longitudes are
        kept."""
        self._store = store
        self._report = report
        self._upload = upload
        self._places = places

    def take(self, given: Sequence[Record]) -> None:
        records = list(self._with_vectors(given))
        images = [record for record in records if isinstance(record, ImageRecord)]
        self._take_images([record for record in images if not record.is_upload])
        for record in images:
            if record.is_upload:
                self._take_upload(record)
        self._take_texts([record for record in records if isinstance(record, TextRecord)])

    def _with_vectors(self, records: Sequence[Record]) -> Iterator[Record]:
        """The records whose contents all have vectors, here or in the store; the others fail."""
        images = [one.entry for one in records if isinstance(one, ImageRecord)]
        bare = {one.sha256 for one in images if one.embedding is None}
        bare -= self._store.contents_among(sorted(bare)) if bare else set()
        texts = {caption for record in records for caption in _bare_captions(record)}
        known = self._store.embeddings_of("caption", sorted(map(sha256_of, texts))) if texts else {}
        texts = {text for text in texts if sha256_of(text) not in known}
        for record in records:
            if isinstance(record, ImageRecord) and record.entry.sha256 in bare:
                self._refuse(record, "has no embedding; `mmembed index` makes one of the file")
            elif lacking := texts & _bare_captions(record):
                self._refuse(
                    record,
                    f"its caption {sorted(lacking)[0]!r:.60} has no vector; leave captions out, "
                    "and give them to `mmembed index --captions`",
                )
            else:
                yield record

    def _refuse(self, record: Record, reason: str) -> None:
        self._report.fail([failure_of(record.name, InputError(reason))])

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
        if any(record.caption_tags or record.automatic for record in done):
            there = self._store.images_at([record.entry.path for record in done])
            known = [(there[record.entry.path].item_id, record) for record in done]
            for item_id, record in known:
                self._tag_captions(item_id, record)
            self._add_automatic(known)

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
        self._add_automatic(known)
        self._add_hashes([record.entry for _, record in known])

    def _add_automatic(self, known: Sequence[tuple[int, ImageRecord]]) -> None:
        """Add the automatic tags that items lack."""
        given = [(item_id, record) for item_id, record in known if record.automatic]
        before = self._store.automatic_tags_of([item_id for item_id, _ in given])
        named = {key: {(one.tag, one.label_set) for one in some} for key, some in before.items()}
        lacking = [
            (record, item_id, tags)
            for item_id, record in given
            if (tags := [one for one in record.automatic
                         if (one.tag, one.label_set) not in named.get(item_id, ())])
        ]  # fmt: skip
        _, failures = each_where_needed(
            lambda some: self._store.add_automatic_tags({key: tags for _, key, tags in some}),
            lacking,
            lambda one: one[0].name,
        )
        self._report.fail(failures)

    def _add_hashes(self, entries: Sequence[ImageEntry]) -> None:
        """Add the hashes that contents lack."""
        given = {one.sha256: one.hashes for one in entries if one.hashes is not None}
        known = self._store.image_hashes(list(given))
        lacking = {sha256: hashes for sha256, hashes in given.items() if sha256 not in known}
        if lacking:
            self._store.add_image_hashes(lacking)

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
            with blobs.keeping(entry.sha256, suffix, self._upload(record)) as upload:
                placed = replace(self._entry(record), path=upload.path)
                [item_id] = self._store.write([placed])
        except BaseException as error:
            if ends_all(error):
                raise
            self._report.fail([failure_of(record.name, error)])
            return
        self._tag_captions(item_id, record)
        self._add_automatic([(item_id, record)])
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


def _bare_captions(record: Record) -> set[str]:
    """The captions that come without a vector."""
    entry = record.entry
    captions = entry.captions if isinstance(entry, ImageEntry) else (entry,)
    return {one.text for one in captions if one.embedding is None and not one.chunks}


def sha256_of(text: str) -> str:
    """The content of a caption."""
    return CaptionEntry(text, None).sha256
