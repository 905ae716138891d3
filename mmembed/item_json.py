"""An item as JSON: the same fields for the command line and for HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timezone

from mmembed.types import Evidence, Item


def item_json(item: Item) -> dict[str, object]:
    """The fields of an item; times are ISO 8601, and None where no calendar holds them."""
    return {
        "id": item.id,
        "kind": item.kind,
        "path": item.path,
        "caption": item.caption,
        "tags": item.tags,
        "automatic_tags": [asdict(one) for one in item.automatic_tags],
        "width": item.width,
        "height": item.height,
        "bytes": item.bytes,
        "format": item.format,
        "sha256": item.sha256,
        "image_id": item.image_id,
        "modified": None if item.mtime_ns is None else _iso(item.mtime_ns / 1e9),
        "mtime_ns": item.mtime_ns,
        "date": item.moment,
        "location": item.location,
        "added": None if item.added is None else _iso(item.added),
        "meta": item.meta,
        "camera": item.camera,
        "lens": item.lens,
    }


def evidence_json(evidence: Sequence[Evidence]) -> list[dict[str, object]]:
    """The parts that found a hit."""
    return [{"by": part.by, "points": part.points, "words": part.words} for part in evidence]


def chunk_json(item: Item) -> dict[str, object] | None:
    """The part of a long caption that a search found, without spaces around it: its text, its first
    character, and the one after its last. None of a short one, which was found as a whole."""
    if item.chunk is None or item.caption is None:
        return None
    start, stop = item.chunk
    part = item.caption[start:stop]
    start += len(part) - len(part.lstrip())
    text = part.strip()
    return {"text": text, "start": start, "stop": start + len(text)}


def _iso(seconds: float) -> str | None:
    try:
        moment = datetime.fromtimestamp(seconds, timezone.utc)
    except (OverflowError, ValueError, OSError):  # a file may claim any time
        return None
    return moment.isoformat(timespec="seconds")
