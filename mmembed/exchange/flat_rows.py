"""Records ↔ rows of columns, which the files of an export hold; docs/moving.md describes them.

Lists lie side by side: `caption_sources[i]` are the sources of `captions[i]`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from mmembed.errors import InputError
from mmembed.exchange import cells
from mmembed.exchange.cells import Row
from mmembed.exchange.records import ImageRecord, Record, TextRecord, added_to
from mmembed.places import is_address
from mmembed.store.chunks import Chunk
from mmembed.store.entries import BY_HAND, CaptionEntry, ImageEntry, Model, Said, Words
from mmembed.types import AutomaticTag, HeaderFacts

FILE = ("width", "height", "bytes", "format", "mtime_ns")
HEADER = tuple(HeaderFacts.__dataclass_fields__)


def to_row(record: Record, model: Model) -> dict[str, Any]:
    """The row of a record. model: of its vectors."""
    of_model = {"model": model.name, "fingerprint": model.fingerprint}
    if isinstance(record, ImageRecord):
        return {**_image_row(record), **of_model}
    entry = record.entry
    return {
        "id": record.id,
        "kind": "caption",
        "sha256": entry.sha256,
        "captions": [entry.text],
        "tags": list(record.tags),
        "added": entry.added,
        **of_model,
        "embedding": entry.embedding,
        "caption_vectors": _vectors_row(0, entry) if entry.chunks else [],
    }


def _image_row(record: ImageRecord) -> dict[str, Any]:
    entry, words = record.entry, record.words
    texts = [caption.text for caption in entry.captions]
    header = entry.header or HeaderFacts()
    return {
        "id": record.id,
        "kind": "image",
        "path": entry.path,
        "sha256": entry.sha256,
        "captions": texts,
        "caption_sources": [sorted(words.captions.get(text, ())) for text in texts],
        "caption_tags": [list(record.caption_tags.get(text, ())) for text in texts],
        "caption_added": [caption.added for caption in entry.captions],
        "tags": sorted(words.tags),
        "tag_sources": [sorted(words.tags[tag]) for tag in sorted(words.tags)],
        "fields": [words.fields[source] for source in sorted(words.fields)],
        "field_sources": sorted(words.fields),
        "automatic_tags": [one.tag for one in record.automatic],
        "automatic_label_sets": [one.label_set for one in record.automatic],
        "automatic_scores": [one.score for one in record.automatic],
        "hashes": None if entry.hashes is None else cells.base64_of(entry.hashes),
        **{name: getattr(entry, name) for name in FILE},
        **{name: getattr(header, name) for name in HEADER},
        "header_read": entry.header_read,
        "added": entry.added,
        "upload": record.is_upload,
        "embedding": entry.embedding,
        "caption_vectors": [
            row for i, caption in enumerate(entry.captions) for row in _vectors_row(i, caption)
        ],
    }


def _vectors_row(index: int, entry: CaptionEntry) -> list[dict[str, Any]]:
    if not entry.chunks:
        return [{"caption": index, "start": None, "stop": None, "embedding": entry.embedding}]
    return [
        {"caption": index, "start": part.start, "stop": part.stop, "embedding": part.embedding}
        for part in entry.chunks
    ]


def to_record(row: Row, dim: int) -> Record:
    """The record of a row. dim: of the model. Raises InputError, which says why there is none."""
    kind = row.get("kind") or "image"
    if kind not in ("image", "caption"):
        raise InputError(f"kind {kind!r:.40} is neither image nor caption")
    item_id = cells.number(row, "id") or 0
    return _image(row, dim, item_id) if kind == "image" else _text(row, dim, item_id)


def _image(row: Row, dim: int, item_id: int) -> ImageRecord:
    path = cells.needed_text(row, "path")
    if not os.path.isabs(path) and not is_address(path):
        raise InputError("its path is not absolute")
    captions = _captions(row, dim)
    texts = [caption.text for caption in captions]
    caption_tags = cells.texts_beside(row, "caption_tags", len(texts)) or [[]] * len(texts)
    entry = ImageEntry(
        path=path,
        sha256=cells.digest(row, "sha256"),
        embedding=None if row.get("embedding") is None else cells.vector(row["embedding"], dim),
        width=cells.needed_number(row, "width"),
        height=cells.needed_number(row, "height"),
        bytes=cells.needed_number(row, "bytes"),
        format=cells.needed_text(row, "format"),
        mtime_ns=cells.needed_number(row, "mtime_ns"),
        header=_header(row),
        header_read=cells.number(row, "header_read") or 0,
        captions=tuple(captions),
        reading=added_to(_words(row, texts)),
        added=cells.number(row, "added"),
        hashes=cells.binary(row, "hashes"),
    )
    tags = {text: tuple(some) for text, some in zip(texts, caption_tags, strict=True) if some}
    return ImageRecord(item_id, entry, tags, bool(row.get("upload")), _automatic(row))


def _text(row: Row, dim: int, item_id: int) -> TextRecord:
    texts = cells.texts(row, "captions")
    if len(texts) != 1 or not texts[0]:
        raise InputError("a caption of no image needs one text in captions")
    chunks = _chunks(row, texts, dim).get(0, {})
    entry = CaptionEntry(
        texts[0],
        None if row.get("embedding") is None else cells.vector(row["embedding"], dim),
        _whole(texts[0], chunks),
        cells.number(row, "added"),
    )
    return TextRecord(item_id, entry, tuple(cells.texts(row, "tags")))


def _captions(row: Row, dim: int) -> list[CaptionEntry]:
    texts = cells.texts(row, "captions")
    vectors = _chunks(row, texts, dim)
    added = cells.numbers(row, "caption_added", len(texts))
    captions = []
    for index, caption in enumerate(texts):
        parts = vectors.get(index, {})
        chunks = () if None in parts else _whole(caption, parts)
        captions.append(CaptionEntry(caption, parts.get(None), chunks, added[index]))
    return captions


def _chunks(row: Row, texts: Sequence[str], dim: int) -> dict[int, dict[Any, Any]]:
    """The vectors of each caption: by None that of a whole one, else by start and stop."""
    vectors: dict[int, dict[Any, Any]] = {}
    for part in row.get("caption_vectors") or ():
        if not isinstance(part, Mapping):
            raise InputError("caption_vectors holds something else than objects")
        index = cells.needed_number(part, "caption")
        if index >= len(texts):
            raise InputError(f"caption_vectors names caption {index} of {len(texts)}")
        start, stop = cells.number(part, "start"), cells.number(part, "stop")
        place = None if start is None or stop is None else (start, stop)
        embedding = cells.vector(part.get("embedding"), dim, f"the vector of caption {index}")
        vectors.setdefault(index, {})[place] = embedding
    return vectors


def _whole(text: str, parts: Mapping[Any, Any]) -> tuple[Chunk, ...]:
    """Chunks, which cover the text from its beginning to its end."""
    chunks = tuple(Chunk(start, stop, parts[start, stop]) for start, stop in sorted(parts))
    ends = [0, *(chunk.stop for chunk in chunks)]
    if chunks and ([chunk.start for chunk in chunks] != ends[:-1] or ends[-1] != len(text)):
        raise InputError("the chunks of a caption do not cover its text")
    return chunks


def _header(row: Row) -> HeaderFacts:
    latitude, longitude = cells.degrees(row, "latitude", 90), cells.degrees(row, "longitude", 180)
    known = latitude is not None and longitude is not None
    return HeaderFacts(
        taken=cells.moment(row, "taken"),
        taken_offset=cells.number(row, "taken_offset"),
        camera=cells.text(row, "camera"),
        lens=cells.text(row, "lens"),
        latitude=latitude if known else None,
        longitude=longitude if known else None,
    )


def _automatic(row: Row) -> tuple[AutomaticTag, ...]:
    tags = cells.texts(row, "automatic_tags")
    label_sets = cells.texts(row, "automatic_label_sets")
    scores = cells.finite_numbers(row, "automatic_scores")
    if not len(tags) == len(label_sets) == len(scores):
        raise InputError(
            f"automatic_tags has {len(tags)} texts, and automatic_label_sets and automatic_scores "
            "need as many values"
        )
    return tuple(map(AutomaticTag, tags, scores, label_sets))


def _words(row: Row, captions: Sequence[str]) -> Words:
    fields = cells.texts(row, "fields")
    named = cells.texts(row, "field_sources") or [BY_HAND] * len(fields)
    if len(named) != len(fields):
        raise InputError(f"field_sources has {len(named)} texts, and {len(fields)} are needed")
    for text in fields:
        _check_object(text)
    tags = cells.texts(row, "tags")
    return Words(
        _said(captions, cells.texts_beside(row, "caption_sources", len(captions))),
        _said(tags, cells.texts_beside(row, "tag_sources", len(tags))),
        dict(zip(named, fields, strict=True)),
    )


def _said(texts: Sequence[str], sources: Sequence[Sequence[str]] | None) -> Said:
    if sources is None:
        return {text: {BY_HAND} for text in texts}
    return {text: frozenset(some) for text, some in zip(texts, sources, strict=True)}


def _check_object(text: str) -> None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise InputError(f"fields holds something else than a JSON object: {text!r:.40}")


def content_digest(record: Record) -> str:
    """A checksum of what a record says and of its vectors: alike in every store that holds it."""
    row = to_row(record, Model("", "", 0))
    for name in ("id", "header_read", "upload", "added", "caption_added", "hashes"):
        row.pop(name, None)
    if isinstance(record, ImageRecord) and record.is_upload:
        row["path"] = None  # an upload lies where its store does
    shown = json.dumps(row, sort_keys=True, default=lambda rows: rows.astype("<f2").tobytes().hex())
    return hashlib.sha256(shown.encode()).hexdigest()
