"""Answer shapes, as the description of the API gives them."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, Field

from mmembed.types import Finder, Kind, Match, SearchMode

Score: TypeAlias = Annotated[float, Field(description="cosine similarity, in [-1, 1]")]


class ErrorDetails(BaseModel):
    """The error itself."""

    message: Annotated[str, Field(description="names the object, the limit and the remedy")]
    type: Annotated[str, Field(description="NotFound, QueryError, ImageError …")]
    param: Annotated[str | None, Field(description="the field that is to blame")]
    code: Annotated[int, Field(description="the HTTP status")]


class ErrorAnswer(BaseModel):
    """The one shape of every error."""

    error: ErrorDetails
    detail: Annotated[str, Field(description="the message once more")]


class Links(BaseModel):
    """Addresses of an image's pictures; a caption has its image's."""

    self: str
    thumbnail: str
    preview: str
    image: str


class HeaderAnswer(BaseModel):
    """Copies of an item's fields of the same names. Each field has an example."""

    camera: Annotated[str | None, Field(examples=["Nikon D90"])]
    lens: Annotated[str | None, Field(examples=["AF-S DX 18-105mm f/3.5-5.6G"])]


class Location(BaseModel):
    """Where a picture was taken."""

    latitude: Annotated[float, Field(description="degrees north, in [-90, 90]")]
    longitude: Annotated[float, Field(description="degrees east, in [-180, 180]")]


class AutomaticTagAnswer(BaseModel):
    """A tag that a label set gave."""

    tag: str
    score: Annotated[float, Field(description="how sure the label set is, from 0 to 1")]
    label_set: str


class ItemAnswer(HeaderAnswer):
    """An image or a caption."""

    id: int
    kind: Kind
    path: str | None
    caption: Annotated[str | None, Field(description="of an image, its first")]
    tags: list[str]
    automatic_tags: Annotated[
        list[AutomaticTagAnswer],
        Field(description="of the tags, those that label sets alone gave; by falling score"),
    ]
    width: Annotated[int | None, Field(description="pixels, upright")]
    height: int | None
    bytes: int | None
    format: str | None
    sha256: Annotated[str, Field(description="of the image file, or of the caption's UTF-8 text")]
    image_id: Annotated[int | None, Field(description="of a caption, the image it describes")]
    modified: Annotated[str | None, Field(description="when the file was changed; ISO 8601")]
    mtime_ns: Annotated[int | None, Field(description="the same, in nanoseconds since 1970")]
    date: Annotated[
        str | None,
        Field(
            description="when it was taken, else when its file was changed; ISO 8601 in local "
            "time, with its offset from UTC where the file says it"
        ),
    ]
    location: Annotated[Location | None, Field(description="null with MMEMBED_LOCATION=off")]
    added: Annotated[str | None, Field(description="when it came into the collection; ISO 8601")]
    meta: Annotated[
        dict[str, Any] | None, Field(description="further fields that a manifest gives it")
    ]
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
    notes: Annotated[list[str], Field(description="on conditions of the filter without effect")]


class EvidenceAnswer(BaseModel):
    """One of the parts that found a hit."""

    by: Finder
    points: Annotated[
        float, Field(description="above 0: what the part adds to the value that orders hits")
    ]
    words: Annotated[list[str], Field(description="the words of the query that were found")]


class ChunkAnswer(BaseModel):
    """A part of a long caption."""

    text: str
    start: Annotated[int, Field(description="its first character in the caption")]
    stop: Annotated[int, Field(description="the character after its last")]


class HitAnswer(ItemAnswer):
    """A search result."""

    score: Score
    relevance: Annotated[float, Field(description="fits; where that is null, a rough figure")]
    fits: Annotated[
        float | None,
        Field(
            description="0 to 1: the share of other texts that fit the picture less; for pictures "
            "their likeness within the collection; null where it is not known"
        ),
    ]
    evidence: Annotated[
        list[EvidenceAnswer], Field(description="the parts that found it, by falling points")
    ]
    chunk: Annotated[
        ChunkAnswer | None,
        Field(description="of a caption longer than the model reads at once: its nearest part"),
    ]
    copies: Annotated[
        int, Field(description="with collapse: the pictures it stands for, itself included")
    ]


class SearchAnswer(BaseModel):
    """A page of hits in the order of the search; scores need not fall."""

    hits: list[HitAnswer]
    next_cursor: Annotated[str | None, Field(description="null on the last page")]
    match: Annotated[
        Match | None,
        Field(
            description="whether the collection holds what was asked for, by the first page; null "
            "where that cannot be said"
        ),
    ]
    mode: SearchMode
    model: str
    notes: Annotated[list[str], Field(description="notes on the query for the caller")]
    took_ms: float


class LabelAnswer(BaseModel):
    """One label of one image."""

    label: str
    probability: float
    score: Score


class BranchAnswer(BaseModel):
    """A parent of hierarchical labels: «animal» of «animal > dog»."""

    label: str
    path: Annotated[list[str], Field(description="its parts, from the top")]
    probability: Annotated[float, Field(description="the sum of the labels below it")]


class Labelled(BaseModel):
    """One image's labels by falling probability."""

    index: int
    name: str
    labels: list[LabelAnswer]
    branches: Annotated[
        list[BranchAnswer],
        Field(description="parents of hierarchical labels, by falling probability"),
    ]
    none_of_these: Annotated[
        float | None,
        Field(description="the probability that none is there; null unless it was asked for"),
    ]


class NotLabelled(BaseModel):
    """One image that could not be classified; the others are not affected."""

    index: int
    name: str
    error: ErrorDetails


class ClassifyAnswer(BaseModel):
    """An answer for every image, in the order they came."""

    results: list[Labelled | NotLabelled]
    model: str
    mode: str
    notes: Annotated[list[str], Field(description="such as on examples that are gone")]


class ModelState(BaseModel):
    """One of the models that are served."""

    id: str
    loaded: Annotated[bool, Field(description="in memory now; else the next request waits")]
    engine: Annotated[str | None, Field(description="null until it was loaded once")]
    dim: int | None


class AboutAnswer(BaseModel):
    """Commands for a shell on the server's machine."""

    version: str
    program: Annotated[str, Field(description="how the command line is called there")]
    index: Annotated[str, Field(description="adds pictures to the collection that is served")]
    index_folders: Annotated[
        list[str], Field(description="folders that POST /v1/jobs may have indexed")
    ]


class Reason(BaseModel):
    """The reason why not all requests can be answered."""

    code: Annotated[
        str,
        Field(
            description="model_failing, model_late, moved, damaged, full, unwritable, "
            "write_failed, unreadable, shard_away, views_failed; of /ready also read_only; of its "
            "degraded, blobs_away and shard_away"
        ),
    ]
    message: str


class HealthAnswer(BaseModel):
    """Whether the model answers; facts of the model and the collection."""

    status: Annotated[str, Field(description="ok, loading or failing")]
    reasons: Annotated[list[Reason] | None, Field(description="all that is wrong")] = None
    degraded: Annotated[
        list[Reason] | None,
        Field(
            description="of /ready: faults in spite of which it is 200, since every server has "
            "them and some requests are answered"
        ),
    ] = None
    version: str
    unix: Annotated[float, Field(description="seconds since 1970, as Infinity says them")]
    model: str | None = None
    engine: str | None = None
    dim: int | None = None
    items: int | None = None
    images: int | None = None
    captions: int | None = None
    notice: Annotated[str | None, Field(description="a note about the model for users")] = None
    collection: Annotated[str | None, Field(description="random id of the data folder")] = None
    models: Annotated[
        list[ModelState] | None, Field(description="all that are served, the collection's first")
    ] = None
    error: ErrorDetails | None = None
    detail: str | None = None
