"""Captions → entries of the catalog; the same text is embedded once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from mmembed.catalog import CaptionEntry, Catalog
from mmembed.errors import InputError
from mmembed.ingest.flow import embed_each
from mmembed.types import Encoder


def embed_captions(
    catalog: Catalog, load: Callable[[], Encoder], texts: Sequence[str]
) -> tuple[dict[str, CaptionEntry], dict[str, Exception]]:
    """Captions by text in the order given, the known ones with the vectors they have; and
    why others have none. `load` gives the model, and is called only for new texts."""
    errors: dict[str, Exception] = {text: _not_text() for text in texts if not _is_text(text)}
    entries = {text: CaptionEntry(text, None) for text in texts if text not in errors}
    hashes = {text: entry.sha256 for text, entry in entries.items()}
    stored = catalog.embeddings_of("caption", list(hashes.values()))
    new = [text for text in entries if hashes[text] not in stored]
    rows = embed_each(new, load().embed_texts) if new else []
    vectors = dict(zip(new, rows, strict=True))
    for text in list(entries):
        row = vectors[text] if text in vectors else stored[hashes[text]].astype(np.float32)
        if isinstance(row, Exception):
            errors[text] = row
            del entries[text]
        else:
            entries[text] = CaptionEntry(text, row)
    return entries, errors


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _not_text() -> InputError:
    return InputError("a caption holds halves of characters, which is not valid text")
