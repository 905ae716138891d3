"""Writes items, hits and labels as JSON, without validation: to validate our own answers would cost
more than searching. A test compares them with the shapes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias, TypeVar

import orjson
from starlette.responses import Response

from mmembed.collection.collection import Classified
from mmembed.item_json import chunk_json, evidence_json, item_json
from mmembed.server.error_answers import item_error
from mmembed.types import Hit, Item

BROWSER_FORMATS = frozenset({"JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "AVIF"})
VERSION_CHARS = 12

Json: TypeAlias = dict[str, Any]
Thing = TypeVar("Thing")
log = logging.getLogger(__name__)


class JsonAnswer(Response):
    """JSON in UTF-8; takes NumPy arrays as they are. Numbers of float32 arrays get the fewest
    digits that identify them."""

    media_type = "application/json"

    def __init__(
        self, content: Json, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(
            orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY), status, dict(headers or {})
        )


def version_of(item: Item) -> str:
    """The part of an image's addresses that changes with its content; hex."""
    return item.sha256[:VERSION_CHARS]


def links(item: Item) -> Json | None:
    """Addresses of the pictures; None for a caption without an image."""
    image_id = item.id if item.kind == "image" else item.image_id
    if image_id is None:
        return None
    base = f"/v1/items/{image_id}"
    # The content in the address makes the answer cacheable for ever.
    version = f"?v={version_of(item)}" if item.kind == "image" else ""
    return {
        "self": base,
        "thumbnail": f"{base}/thumbnail{version}",
        "preview": f"{base}/thumbnail{version}{'&' if version else '?'}size=1280",
        "image": f"{base}/image{version}",
    }


def item_with_links(item: Item) -> Json:
    """An item as HTTP clients see it, with the addresses of its pictures."""
    return {
        **item_json(item),
        "shown_by_browsers": item.format in BROWSER_FORMATS,
        "links": links(item),
    }


def whole_item_json(item: Item) -> Json:
    """An item with all its captions."""
    return {**item_with_links(item), "captions": item.captions}


def hit_json(hit: Hit) -> Json:
    """A search result as clients see it."""
    return {
        **item_with_links(hit.item),
        "score": round(hit.score, 6),
        "relevance": round(hit.relevance, 4),
        "fits": hit.fits,
        "evidence": evidence_json(hit.evidence),
        "chunk": chunk_json(hit.item),
        "copies": hit.copies,
    }


def each_json(write: Callable[[Thing], Json], things: Iterable[Thing]) -> list[Json]:
    """Items or hits as clients see them. An entry that cannot be written is left out, and
    logged."""
    written = []
    for thing in things:
        try:
            written.append(write(thing))
        except Exception:
            log.exception("%s left out %r", write.__name__, thing)
    return written


def classified_json(result: Classified) -> Json:
    """The labels of one image, or its error with the status that it would have alone."""
    known: Json = {"index": result.index, "name": result.name}
    if result.failure is not None:
        return {**known, "error": item_error(result.failure)}
    labels = [
        {"label": label.label, "probability": label.probability, "score": round(label.score, 6)}
        for label in result.labels
    ]
    branches = [
        {"label": branch.label, "path": branch.path, "probability": branch.probability}
        for branch in result.branches
    ]
    none = result.none_of_these
    return {**known, "labels": labels, "branches": branches, "none_of_these": none}
