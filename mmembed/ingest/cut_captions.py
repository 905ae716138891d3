"""Long captions that were indexed when each caption had one vector: they are embedded in chunks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mmembed.ingest.embed_captions import embed_in_chunks
from mmembed.models.encoder import Encoder
from mmembed.models.text_cache import fits_surely
from mmembed.store.entries import CaptionEntry
from mmembed.store.protocol import Store

log = logging.getLogger(__name__)

AT_ONCE = 2_000
"""Captions that are looked at in one transaction."""


@dataclass(frozen=True)
class CuttingCaptions:
    """Gives long captions the vectors of their chunks. No image is needed."""

    store: Store
    load: Callable[[], Encoder]

    def run(self, heed: Callable[[int], None]) -> int:
        """Look at all captions of that time, once for each folder; the model tells which are long.
        Returns how many were cut, `heed` is told now and then. Raises StoreError where the store
        cannot be written, and the errors of loading the model."""
        done = 0
        while page := self.store.uncut_captions(AT_ONCE):
            cut = self._cut([text for _, text in page])
            last = page[-1][0] if len(page) == AT_ONCE else 1
            self.store.cut_captions({entry.sha256: entry.chunks for entry in cut}, last)
            done += len(cut)
            heed(done)
        return done

    def _cut(self, texts: Sequence[str]) -> list[CaptionEntry]:
        encoder = self.load()
        length = encoder.facts.context_length
        distinct = [text for text in dict.fromkeys(texts) if not fits_surely(text, length)]
        long = [text for text in distinct if len(encoder.split(text, 2)) > 1]
        entries = []
        for text, entry in embed_in_chunks(long, encoder).items():
            if isinstance(entry, Exception):
                log.warning("caption %.40r… keeps its one vector: %s", text, entry)
            else:
                entries.append(entry)
        return entries
