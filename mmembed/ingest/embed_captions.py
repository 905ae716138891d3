"""Embeds captions as entries of the catalog; the same text is embedded once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from mmembed.errors import InputError
from mmembed.ingest.embed_batches import embed_each
from mmembed.models.encoder import Encoder
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
    vectors = dict(zip(new, _rows(new, load), strict=True))
    for text in list(entries):
        row = vectors[text] if text in vectors else stored[hashes[text]].astype(np.float32)
        if isinstance(row, Exception):
            errors[text] = row
            del entries[text]
        else:
            entries[text] = CaptionEntry(text, row)
    return entries, errors


def _rows(texts: Sequence[str], load: Callable[[], Encoder]) -> list[Embedding | Exception]:
    if not texts:
        return []
    embed = load().embed_texts
    starts = range(0, len(texts), TEXTS_AT_ONCE)
    parts = [embed_each(texts[start : start + TEXTS_AT_ONCE], embed) for start in starts]
    return [row for part in parts for row in part]


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _not_text() -> InputError:
    return InputError("a caption holds halves of characters, which is not valid text")
