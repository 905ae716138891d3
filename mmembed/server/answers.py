"""Answer shapes, and how the program's types become them."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated, Any, TypeAlias
from urllib.parse import quote

from pydantic import BaseModel, Field

from mmembed.collection import Classified
from mmembed.server.failures import body
from mmembed.types import Hit, Item, Kind

BROWSER_FORMATS = frozenset({"JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "AVIF"})
VERSION_CHARS = 12

Score: TypeAlias = Annotated[float, Field(description="cosine similarity, in [-1, 1]")]


class ErrorDetails(BaseModel):
    """What went wrong."""

    message: Annotated[str, Field(description="names the object, the limit and the remedy")]
    type: Annotated[str, Field(description="NotFound, QueryError, ImageError …")]
    param: Annotated[str | None, Field(description="the field that is to blame")]
    code: Annotated[int, Field(description="the HTTP status")]


class ErrorAnswer(BaseModel):
    """The one shape of every error."""

    error: ErrorDetails
    detail: Annotated[str, Field(description="the message once more")]


class Links(BaseModel):
    """Where the pictures of an image are; a caption has those of its image."""

    self: str
    thumbnail: str
    preview: str
    image: str


class ItemAnswer(BaseModel):
    """An image or a caption."""

    id: int
    kind: Kind
    path: str | None
    caption: Annotated[str | None, Field(description="of an image, its first")]
    tags: list[str]
    width: Annotated[int | None, Field(description="pixels, upright")]
    height: int | None
    bytes: int | None
    format: str | None
    sha256: Annotated[str, Field(description="of the image file, or of the caption's UTF-8 text")]
    image_id: Annotated[int | None, Field(description="of a caption, the image it describes")]
    modified: Annotated[str | None, Field(description="when the file was changed; ISO 8601")]
    shown_by_browsers: bool
    links: Links | None


class WholeItem(ItemAnswer):
    """An item with all its captions."""

    captions: list[str]


class ItemsAnswer(BaseModel):
    """A page of items."""

    items: list[ItemAnswer]
    next_cursor: Annotated[str | None, Field(description="null on the last page")]
    total: Annotated[int, Field(description="items on all pages")]


class HitAnswer(ItemAnswer):
    """A search result."""

    score: Score
    relevance: Annotated[float, Field(description="0 to 1; comparable between queries")]


class SearchAnswer(BaseModel):
    """A page of hits by falling score."""

    hits: list[HitAnswer]
    next_cursor: Annotated[str | None, Field(description="null on the last page")]
    model: str
    notes: Annotated[list[str], Field(description="what the asker should know of the query")]
    took_ms: float


class LabelAnswer(BaseModel):
    """One label of one image."""

    label: str
    probability: float
    score: Score


class Labelled(BaseModel):
    """One image's labels by falling probability."""

    index: int
    name: str
    labels: list[LabelAnswer]


class NotLabelled(BaseModel):
    """One image that could not be classified; the others are none the worse."""

    index: int
    name: str
    error: ErrorDetails


class ClassifyAnswer(BaseModel):
    """An answer for every image, in the order they came."""

    results: list[Labelled | NotLabelled]
    model: str
    mode: str


class Embedding(BaseModel):
    """One input's embedding."""

    object: str = "embedding"
    index: int
    embedding: Annotated[list[float] | str, Field(description="unit-norm")]


class Usage(BaseModel):
    """Tokens that were read."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingsAnswer(BaseModel):
    """OpenAI's answer."""

    object: str = "list"
    data: list[Embedding]
    model: str
    usage: Usage


class ModelAnswer(BaseModel):
    """A model, as OpenAI's clients list it."""

    id: str
    object: str = "model"
    created: int = 0
    owned_by: str = "mmembed"


class ModelsAnswer(BaseModel):
    """The models that answer: one."""

    object: str = "list"
    data: list[ModelAnswer]


class HealthAnswer(BaseModel):
    """Whether the model answers, what it is, and what the collection holds."""

    status: Annotated[str, Field(description="ok, loading or failing")]
    version: str
    model: str | None = None
    engine: str | None = None
    dim: int | None = None
    items: int | None = None
    images: int | None = None
    captions: int | None = None
    notice: Annotated[str | None, Field(description="what users should know of the model")] = None
    error: ErrorDetails | None = None
    detail: str | None = None


def version_of(item: Item) -> str:
    """What changes in an image's addresses when its content does."""
    return item.sha256[:VERSION_CHARS]


def links(item: Item) -> Links | None:
    """None for a caption without an image."""
    image_id = item.id if item.kind == "image" else item.image_id
    if image_id is None:
        return None
    base = f"/v1/items/{image_id}"
    # The content in the address makes the answer cacheable for ever.
    version = f"?v={quote(version_of(item))}" if item.kind == "image" else ""
    return Links(
        self=base,
        thumbnail=f"{base}/thumbnail{version}",
        preview=f"{base}/thumbnail{version}{'&' if version else '?'}size=1280",
        image=f"{base}/image{version}",
    )


def item_answer(item: Item) -> ItemAnswer:
    """An item as clients see it."""
    return ItemAnswer(**_facts(item))


def whole_item(item: Item) -> WholeItem:
    """An item with all its captions."""
    return WholeItem(**_facts(item), captions=list(item.captions))


def hit_answer(hit: Hit) -> HitAnswer:
    """A search result as clients see it."""
    return HitAnswer(
        **_facts(hit.item), score=round(hit.score, 6), relevance=round(hit.relevance, 4)
    )


def classified_answer(result: Classified, status: int) -> Labelled | NotLabelled:
    """The labels of one image, or its error with the status it would have had alone."""
    if result.failure is not None:
        failure = result.failure
        error = body(failure.message, kind=failure.error, code=status)["error"]
        return NotLabelled(index=result.index, name=result.name, error=ErrorDetails(**error))
    labels = [
        LabelAnswer(label=one.label, probability=one.probability, score=round(one.score, 6))
        for one in result.labels
    ]
    return Labelled(index=result.index, name=result.name, labels=labels)


def _facts(item: Item) -> dict[str, Any]:
    return {
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


def _iso(mtime_ns: int | None) -> str | None:
    if mtime_ns is None:
        return None
    try:
        moment = datetime.fromtimestamp(mtime_ns / 1e9, timezone.utc)
    except (OverflowError, ValueError, OSError):  # a file may claim any time
        return None
    return moment.isoformat(timespec="seconds")
