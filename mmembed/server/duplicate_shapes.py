"""Shapes of answers about duplicates, as the description of the API gives them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from mmembed.server.answer_shapes import ItemAnswer, Score
from mmembed.types import DuplicateClass


class CopyEvidenceAnswer(BaseModel):
    """How a picture compares with the kept one of its group."""

    cosine: Score
    likeness: Annotated[
        float, Field(description="the cosine without what is common to the collection")
    ]
    bits: Annotated[
        int | None, Field(description="of 128 bits of their perceptual hashes, those that differ")
    ]
    mirrored: Annotated[bool, Field(description="whether one of them is mirrored")]
    cropped: Annotated[
        bool, Field(description="whether one shows a part of the other, of which the bits are")
    ]
    seconds: Annotated[float | None, Field(description="between the times they were taken")]


class SpareAnswer(ItemAnswer):
    """A picture of a group that need not be kept."""

    evidence: Annotated[
        CopyEvidenceAnswer | None, Field(description="null where the bytes are the same")
    ]


class DuplicatesAnswer(BaseModel):
    """Pictures of which one is proposed to be kept."""

    kind: Annotated[DuplicateClass, Field(alias="class")]
    keep: ItemAnswer
    reason: Annotated[str, Field(description="why that one is proposed")]
    others: Annotated[list[SpareAnswer], Field(description="up to 200 of them")]
    total_others: int
    spare_bytes: Annotated[int, Field(description="bytes of the files of all others")]


class DuplicatePageAnswer(BaseModel):
    """A page of groups, by class and then by the id of the kept picture."""

    groups: list[DuplicatesAnswer]
    next_cursor: Annotated[str | None, Field(description="null on the last page")]
    total: Annotated[int, Field(description="groups on all pages")]
    counts: Annotated[dict[str, int], Field(description="groups of each class on all pages")]
    pictures: Annotated[int, Field(description="images that were looked at")]
    without_hashes: Annotated[
        int, Field(description="pictures whose copies are not found for certain")
    ]
    notes: list[str]
    took_ms: float


class DecisionsAnswer(BaseModel):
    """How much was remembered and forgotten."""

    remembered: int
    forgotten: int
