"""Request shapes."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from mmembed.types import (
    DUPLICATE_CLASSES,
    NEGATIVE_WEIGHT,
    DuplicateClass,
    Kind,
    SearchMode,
    Strategy,
)

ItemId: TypeAlias = Annotated[int, Field(ge=1, le=2**63 - 1, description="id of an item")]
Text: TypeAlias = Annotated[list[str], Field(fail_fast=True)]
Model: TypeAlias = Annotated[
    str | None, Field(description='one of the served models; "default": the collection\'s')
]
Encoded: TypeAlias = Annotated[
    str | None,
    Field(description="an image file: a data URI, base64, or an address if fetching is on"),
]
Tags: TypeAlias = Annotated[
    list[str],
    Field(fail_fast=True, max_length=50, description="only items with all these tags"),
]
Where: TypeAlias = Annotated[
    str, Field(description="a filter in words, such as date>=2024 -tag:private")
]


def _words_or_object(value: Any) -> Any:
    if not isinstance(value, str | dict):
        raise PydanticCustomError("where", "expected a filter in words, or an object")
    return value


AnyWhere: TypeAlias = Annotated[
    str | dict[str, Any],
    BeforeValidator(_words_or_object),
    Field(description='a filter: in words, or as {"field": …, "op": …, "value": …}'),
]
Background: TypeAlias = Annotated[
    bool, Field(description="do the work as a job, and answer 202 at once; see /v1/jobs")
]
Page: TypeAlias = Annotated[str | None, Field(description="next_cursor of the page before")]
K: TypeAlias = Annotated[int, Field(ge=1, description="results in a page")]
MinRelevance: TypeAlias = Annotated[
    float, Field(ge=0, le=1, description="hits of a lower relevance are left out; pages stay full")
]


AnyStrategy: TypeAlias = Annotated[
    Strategy, Field(description="how several terms make one order; see docs/search.md")
]
Without: TypeAlias = Annotated[
    list[str], Field(fail_fast=True, max_length=50, description="words that lead away")
]


Like: TypeAlias = Annotated[
    list[ItemId],
    Field(
        fail_fast=True, max_length=50,
        description="ids of items to find similar ones of; these and their copies are no hits",
    ),
]  # fmt: skip
Unlike: TypeAlias = Annotated[
    list[ItemId],
    Field(fail_fast=True, max_length=50, description="ids of items that lead away; no hits"),
]


class Shape(BaseModel):
    """A request; unknown fields are errors rather than silently ignored."""

    model_config = ConfigDict(extra="forbid")


Partial: TypeAlias = Annotated[
    bool,
    Field(description="answer without the databases that are away, of several; `notes` names them"),
]


class TermShape(Shape):
    """One part of a query: exactly one of text, image and item."""

    text: str | None = None
    image: Encoded = None
    item: ItemId | None = None
    weight: Annotated[
        float | None,
        Field(
            ge=-1000,
            le=1000,
            allow_inf_nan=False,
            description="relative to the other terms; 1 unless given; negative leads away from it",
        ),
    ] = None
    negative: Annotated[
        bool, Field(description=f"true: leads away; short for the weight {NEGATIVE_WEIGHT}")
    ] = False


class FilterShape(Shape):
    """Narrows a search or a listing."""

    tags: Tags = []
    folder: Annotated[str | None, Field(description="absolute path; items below it")] = None


Mode: TypeAlias = Annotated[
    SearchMode | None,
    Field(
        description="what finds images: pictures, captions and words (`hybrid`, the default for "
        "words), pictures alone, or the words of captions, tags and file names alone"
    ),
]


Collapse: TypeAlias = Annotated[
    bool,
    Field(description="of copies of one shot, show the best alone; `copies` counts them"),
]


class WordsQuery(Shape):
    """A search by words, in the address."""

    q: Annotated[str | None, Field(description="words; may be left out with like")] = None
    like: Like = []
    unlike: Unlike = []
    without: Without = []
    strategy: AnyStrategy = "sum"
    k: K = 20
    cursor: Page = None
    kind: Kind = "image"
    tag: Tags = []
    where: Where = ""
    mode: Mode = None
    min_relevance: MinRelevance = 0.0
    partial: Partial = False
    collapse: Collapse = False
    model: Model = None


class SearchRequest(Shape):
    """`q` for words alone, or `query` for weighted words, images and items; `like` and `unlike`
    for items alone, or beside these."""

    q: Annotated[str | None, Field(description="words")] = None
    query: Annotated[list[TermShape], Field(fail_fast=True)] | None = None
    like: Like = []
    unlike: Unlike = []
    without: Without = []
    strategy: AnyStrategy = "sum"
    k: K = 20
    cursor: Page = None
    kind: Kind = "image"
    filter: FilterShape = Field(default_factory=FilterShape)
    where: AnyWhere = ""
    mode: Mode = None
    min_relevance: MinRelevance = 0.0
    partial: Partial = False
    collapse: Collapse = False
    model: Model = None


class ItemsQuery(Shape):
    """A listing, in the address."""

    limit: Annotated[int, Field(ge=1, description="items in a page")] = 50
    cursor: Page = None
    kind: Kind | None = None
    tag: Tags = []
    where: Where = ""


class IgnoredQuery(Shape):
    """A listing of ignored contents, in the address."""

    limit: Annotated[int, Field(ge=1, description="contents in a page")] = 50
    cursor: Annotated[str, Field(max_length=64, description="next_cursor of the last page")] = ""


class DuplicatesQuery(Shape):
    """A listing of duplicates, in the address."""

    limit: Annotated[int, Field(ge=1, description="groups in a page")] = 20
    cursor: Page = None
    where: Where = ""
    classes: Annotated[
        list[DuplicateClass],
        Field(alias="class", max_length=4, description="only groups of these; may be repeated"),
    ] = list(DUPLICATE_CLASSES)
    background: Background = False


Pictures: TypeAlias = Annotated[list[ItemId], Field(fail_fast=True, min_length=2)]


class DecisionsRequest(Shape):
    """Decisions of a person about pictures; later searches for duplicates heed them."""

    not_duplicates: Annotated[
        list[Pictures],
        Field(fail_fast=True, description="each two pictures of a list are no duplicates"),
    ] = []
    forget: Annotated[
        list[Pictures],
        Field(fail_fast=True, description="forget what was said of two or more of a list"),
    ] = []


class ItemRequest(Shape):
    """An image with captions and tags, or a caption alone."""

    image: Encoded = None
    name: Annotated[str | None, Field(description="the image's name in errors")] = None
    caption: str | None = None
    captions: Text = []
    tags: Text = []


class ItemPatch(Shape):
    """The changeable fields of an item; omitted fields stay."""

    tags: Text | None = None
    captions: Annotated[Text | None, Field(description="of an image")] = None


class SessionRequest(Shape):
    """The key that the page sends once."""

    key: Annotated[str, Field(min_length=1, description="one of the server's MMEMBED_API_KEYS")]
