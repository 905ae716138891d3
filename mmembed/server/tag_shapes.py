"""Shapes of requests and answers about automatic tags."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from mmembed.server.request_shapes import AnyWhere, Background, Shape, Text

Share = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
ANSWERED = 1000
"""Doubtful or rejected tags in an answer, at most."""


class TagRequest(Shape):
    """Labels for all pictures that pass a filter."""

    labels: Annotated[
        Text, Field(default_factory=list, description="any words; none: those of the stored set")
    ]
    label_set: Annotated[
        str,
        Field(
            min_length=1,
            max_length=100,
            description="keeps the tags; without `labels`, a stored set of labels",
        ),
    ] = "labels"
    where: AnyWhere = ""
    threshold: Annotated[Share | None, Field(description="one lowest score for all labels")] = None
    precision: Annotated[
        Share | None, Field(description="share of right tags that each label aims at; else 0.9")
    ] = None
    compete: Annotated[
        bool | None,
        Field(description="whether exactly one label applies; null: as the label set says"),
    ] = None
    dry_run: Annotated[bool, Field(description="count, and write nothing")] = False
    background: Background = False


class PictureAnswer(BaseModel):
    """A picture in short."""

    id: int
    path: str | None


class TaggedLabelAnswer(BaseModel):
    """The tags of one label."""

    label: str
    pictures: int
    threshold: Annotated[
        float | None, Field(description="lowest score of a tag; null where none is sure enough")
    ]
    basis: Annotated[
        Literal["given", "examples", "assumed"],
        Field(description="asked for; learned from tags of people and files; or from the scores"),
    ]
    precision: Annotated[float | None, Field(description="expected share of right tags")]
    examples: Annotated[int, Field(description="pictures that people or files tagged so")]
    first: Annotated[list[PictureAnswer], Field(description="the surest ones")]


class TaggedAnswer(BaseModel):
    """The result of tagging."""

    label_set: str
    looked_at: Annotated[int, Field(description="pictures that passed the filter")]
    pictures: Annotated[int, Field(description="pictures with a tag")]
    tags: int
    before: Annotated[int, Field(description="tags that the set had before")]
    written: bool
    compete: bool
    labels: list[TaggedLabelAnswer]
    notes: list[str]
    seconds: float


class AutomaticSet(BaseModel):
    """A label set that gave tags."""

    name: str
    tags: int


class AutomaticSetsAnswer(BaseModel):
    """The label sets that gave tags, by name."""

    label_sets: list[AutomaticSet]


class CheckRequest(Shape):
    """Tags to check."""

    tags: Annotated[
        Text,
        Field(default_factory=list, max_length=100, description="none: the most frequent ones"),
    ]
    where: AnyWhere = ""
    limit: Annotated[int, Field(ge=1, le=ANSWERED, description="doubtful tags in the answer")] = 100
    background: Background = False


class DoubtAnswer(BaseModel):
    """A tag that looks wrong, or one that seems to be missing."""

    item: int
    path: str | None
    wrong: Annotated[str | None, Field(description="the tag that it has")]
    better: Annotated[str | None, Field(description="the tag that would suit it")]
    doubt: Annotated[float, Field(description="from 0 to 1")]


class CheckedAnswer(BaseModel):
    """The result of a check."""

    pictures: int
    tags: Annotated[list[str], Field(description="the tags that were checked")]
    compete: Annotated[bool, Field(description="whether each picture has exactly one of them")]
    total: int
    doubts: Annotated[list[DoubtAnswer], Field(description="by falling doubt")]


class RejectedTagAnswer(BaseModel):
    """An automatic tag that a person took off."""

    item: int
    path: str | None
    tag: str


class RejectedAnswer(BaseModel):
    """Automatic tags that a person took off, by rising id."""

    total: int
    rejected: list[RejectedTagAnswer]
