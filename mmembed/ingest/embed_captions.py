"""Embeds captions as entries of the catalog; the same text is embedded once.

A caption that is longer than the model reads at once is embedded in chunks. Their mean would be
near to every picture, and would not tell which part of the caption a search found.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate, islice

import numpy as np

from mmembed.errors import InputError
from mmembed.ingest.embed_batches import embed_each
from mmembed.item_failures import ends_all
from mmembed.models.encoder import Encoder
from mmembed.store.chunks import Chunk
from mmembed.store.entries import CaptionEntry
from mmembed.store.protocol import Store
from mmembed.types import Embedding

TEXTS_AT_ONCE = 64
"""Texts for the model at once: a picture may have a thousand captions."""


def embed_captions(
    store: Store, load: Callable[[], Encoder], texts: Sequence[str]
) -> tuple[dict[str, CaptionEntry], dict[str, Exception]]:
    """Captions by text in the given order, the known ones with their vectors; and the failures.
    `load` gives the model, and is called only for new texts."""
    errors: dict[str, Exception] = {text: _not_text() for text in texts if not _is_text(text)}
    entries = {text: CaptionEntry(text, None) for text in texts if text not in errors}
    hashes = {text: entry.sha256 for text, entry in entries.items()}
    stored = store.embeddings_of("caption", list(hashes.values()))
    new = [text for text in entries if hashes[text] not in stored]
    fresh = embed_in_chunks(new, load()) if new else {}
    for text in list(entries):
        entry = fresh.get(text) or CaptionEntry(text, stored[hashes[text]].astype(np.float32))
        if isinstance(entry, Exception):
            errors[text] = entry
            del entries[text]
        else:
            entries[text] = entry
    return entries, errors


def embed_in_chunks(texts: Sequence[str], encoder: Encoder) -> dict[str, CaptionEntry | Exception]:
    """Each text with its embedding, or with those of its chunks if it is longer than the model
    reads at once; or with its failure."""
    chunks: dict[str, Sequence[str]] = {}
    failed: dict[str, Exception] = {}
    for text in texts:
        try:
            chunks[text] = encoder.split(text)
        except Exception as error:
            if ends_all(error):
                raise
            failed[text] = error
    rows = iter(_rows([chunk for some in chunks.values() for chunk in some], encoder))
    embedded = {
        text: _entry(text, some, list(islice(rows, len(some)))) for text, some in chunks.items()
    }
    return failed | embedded


def _entry(
    text: str, chunks: Sequence[str], rows: Sequence[Embedding | Exception]
) -> CaptionEntry | Exception:
    good = [row for row in rows if not isinstance(row, Exception)]
    if len(good) < len(rows):
        return next(row for row in rows if isinstance(row, Exception))
    if len(good) == 1:
        return CaptionEntry(text, good[0])
    ends = list(accumulate(map(len, chunks)))
    return CaptionEntry(text, None, tuple(map(Chunk, [0, *ends], ends, good)))


def _rows(texts: Sequence[str], encoder: Encoder) -> list[Embedding | Exception]:
    starts = range(0, len(texts), TEXTS_AT_ONCE)
    parts = [
        embed_each(texts[start : start + TEXTS_AT_ONCE], encoder.embed_texts) for start in starts
    ]
    return [row for part in parts for row in part]


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _not_text() -> InputError:
    return InputError("a caption holds halves of characters, which is not valid text")
