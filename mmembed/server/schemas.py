"""Request and answer shapes."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated, Any, Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field

from mmembed.collection import Classified
from mmembed.server.failures import body
from mmembed.types import Hit, Item, Kind

BROWSER_FORMATS = frozenset({"JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "AVIF"})


class Shape(BaseModel):
    """A request body; unknown fields are errors rather than silently ignored."""

    model_config = ConfigDict(extra="forbid")


class TermShape(Shape):
    """One part of a query: exactly one of text, image and item."""

    text: str | None = None
    image: Annotated[str | None, Field(description="data URI or base64 of an image file")] = None
    item: Annotated[int | None, Field(description="id of an item")] = None
    weight: float = 1.0


class FilterShape(Shape):
    """Narrows a search or a listing."""

    tags: list[str] = []
    folder: Annotated[str | None, Field(description="absolute path; items below it")] = None


class SearchRequest(Shape):
    """`q` for words alone, or `query` for weighted words, images and items."""

    q: str | None = None
    query: list[TermShape] | None = None
    k: Annotated[int, Field(ge=1)] = 20
    cursor: str | None = None
    kind: Kind = "image"
    filter: FilterShape = Field(default_factory=FilterShape)
    model: str | None = None


class ImageShape(Shape):
    """An image to classify: base64 or data URI, or the id of an item."""

    image: str | None = None
    item: int | None = None
    name: str | None = None


class ClassifyRequest(Shape):
    """Images (data URIs, base64, or `{"item": id}`) × labels."""

    images: list[str | ImageShape]
    labels: list[str]
    templates: Annotated[list[str] | None, Field(description="{} is the label")] = None
    mode: Literal["softmax", "sigmoid"] | None = None
    top_k: Annotated[int, Field(ge=1)] | None = None
    model: str | None = None


class ItemRequest(Shape):
    """An image (base64 or data URI) with captions and tags, or a caption alone."""

    image: str | None = None
    name: str | None = None
    caption: str | None = None
    captions: list[str] = []
    tags: list[str] = []


class ItemPatch(Shape):
    """What of an item can be changed; fields left out stay."""

    tags: list[str] | None = None
    captions: list[str] | None = None


class EmbeddingsRequest(BaseModel):
    """OpenAI's request; with `"modality": "image"` the input is data URIs."""

    input: str | list[str] | list[int] | list[list[int]]
    model: str | None = None
    modality: Literal["text", "image"] = "text"
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None
    user: str | None = None


def links(item: Item) -> dict[str, str] | None:
    """Where an image's pictures are; a caption has those of its image."""
    image_id = item.id if item.kind == "image" else item.image_id
    if image_id is None:
        return None
    base = f"/v1/items/{image_id}"
    # The content in the address makes the answer cacheable for ever.
    version = f"?v={quote(item.sha256[:12])}" if item.kind == "image" else ""
    preview = f"{base}/thumbnail{version or '?'}{'&' if version else ''}size=1280"
    return {
        "self": base,
        "thumbnail": f"{base}/thumbnail{version}",
        "preview": preview,
        "image": f"{base}/image{version}",
    }


def item_answer(item: Item, *, whole: bool = False) -> dict[str, Any]:
    """An item as clients see it; whole: with all its captions."""
    answer: dict[str, Any] = {
        "id": item.id,
        "kind": item.kind,
        "path": item.path,
        "caption": item.caption,
        "tags": list(item.tags),
        "width": item.width,
        "height": item.height,
        "bytes": item.bytes,
        "format": item.format,
        "sha256": item.sha256,
        "image_id": item.image_id,
        "modified": _iso(item.mtime_ns),
        "shown_by_browsers": item.format in BROWSER_FORMATS,
        "links": links(item),
    }
    if whole:
        answer["captions"] = list(item.captions)
    return answer


def hit_answer(hit: Hit) -> dict[str, Any]:
    """A search result as clients see it."""
    score = {"score": round(hit.score, 6), "relevance": round(hit.relevance, 4)}
    return {**item_answer(hit.item), **score}


def classified_answer(result: Classified, status: int) -> dict[str, Any]:
    """The labels of one image, or its error with the status it would have had alone."""
    head = {"index": result.index, "name": result.name}
    if result.failure is not None:
        failure = result.failure
        return {
            **head,
            **{"error": body(failure.message, kind=failure.error, code=status)["error"]},
        }
    labels = [
        {"label": one.label, "probability": one.probability, "score": round(one.score, 6)}
        for one in result.labels
    ]
    return {**head, "labels": labels}


def _iso(mtime_ns: int | None) -> str | None:
    if mtime_ns is None:
        return None
    return datetime.fromtimestamp(mtime_ns / 1e9, timezone.utc).isoformat(timespec="seconds")
