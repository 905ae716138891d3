"""Updates captions and tags of unchanged images from their files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from mmembed.ingest.embed_batches import each_where_needed
from mmembed.ingest.embed_captions import embed_captions
from mmembed.ingest.plan import Source
from mmembed.ingest.report import Report
from mmembed.item_failures import failure_of
from mmembed.models.encoder import Encoder
from mmembed.store.entries import CaptionEntry, Reading, same
from mmembed.store.protocol import Store

IMAGES_AT_ONCE = 256
"""Images in one transaction."""

Described: TypeAlias = tuple[int, Reading, Sequence[CaptionEntry]]


@dataclass(frozen=True)
class Describing:
    """Compares the texts in files with the catalog, and writes the differences."""

    store: Store
    load: Callable[[], Encoder]

    def run(self, sources: Sequence[Source], ids: Mapping[str, int], report: Report) -> None:
        """Update the texts of images; ids: of images by path."""
        described = self.store.described_by_files()
        said = [
            (item_id, source)
            for source in sources
            if (item_id := ids[source.path]) in described or source.reading.words
        ]
        for start in range(0, len(said), IMAGES_AT_ONCE):
            some = said[start : start + IMAGES_AT_ONCE]
            _, failed = each_where_needed(
                lambda part: self._describe(part, report), some, lambda one: one[1].path
            )
            report.failures += failed

    def _describe(self, said: Sequence[tuple[int, Source]], report: Report) -> None:
        known = self.store.words_of([item_id for item_id, _ in said])
        other = [
            (item_id, source, after)
            for item_id, source in said
            if not same(after := source.reading.after(known[item_id]), known[item_id])
        ]
        new = [
            text for item_id, _, after in other for text in after.captions
            if text not in known[item_id].captions
        ]  # fmt: skip
        embedded, errors = embed_captions(self.store, self.load, new)
        described: list[Described] = []
        recaptioned = 0
        for item_id, source, after in other:
            recaptioned += list(after.captions) != list(known[item_id].captions)
            entries = [embedded[text] for text in after.captions if text in embedded]
            described.append((item_id, source.reading, entries))
        if described:
            self.store.describe(described)
        report.recaptioned += recaptioned
        report.failures += [
            failure_of(source.path, errors[text])
            for _, source, after in other
            for text in after.captions
            if text in errors
        ]
