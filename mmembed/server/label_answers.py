"""Answer shapes of stored sets of labels."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field


class ExampleAnswer(BaseModel):
    """A known case of a label."""

    name: str
    kind: Literal["item", "picture", "text"]
    item: Annotated[int | None, Field(description="id, of an item")]
    text: Annotated[str | None, Field(description="of a text")]
    gone: Annotated[bool, Field(description="whether it is an item that is no longer there")]


class SetLabelAnswer(BaseModel):
    """One label of a set."""

    label: str
    words: Annotated[bool, Field(description="whether its words describe it")]
    threshold: float | None
    examples: list[ExampleAnswer]


class LabelSetAnswer(BaseModel):
    """A stored set of labels."""

    name: str
    labels: list[SetLabelAnswer]
    templates: list[str] | None
    mode: str | None


class LabelSetSummary(BaseModel):
    """A stored set in short."""

    name: str
    labels: Annotated[int, Field(description="how many")]
    examples: Annotated[int, Field(description="of all labels")]
    mode: str | None


class LabelSetsAnswer(BaseModel):
    """Every stored set by name."""

    sets: list[LabelSetSummary]
