"""The groups of duplicates that are found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from mmembed.types import DuplicateClass, Item, Progress

COPIES: tuple[DuplicateClass, ...] = ("identical", "same_shot")
"""The classes whose pictures show the same shot."""
Stages: TypeAlias = Callable[[str], Progress]
"""Called with the name of a stage of the work, gives what is told its progress."""


@dataclass(frozen=True)
class CopyEvidence:
    """How one picture of a group compares with the kept one."""

    cosine: float
    """Of their embeddings, in [-1, 1]."""
    likeness: float
    """The same without what is common to the collection, see `search.likeness`."""
    bits: int | None
    """Of 128 bits of their perceptual hashes, those that differ; None without hashes. Of a crop,
    those between a part of one picture and the other."""
    mirrored: bool
    """Whether the bits are fewer with one of them mirrored."""
    cropped: bool
    """Whether one shows a part of the other; false for small crops, whose wholes are near."""
    seconds: float | None
    """Between the times at which they were taken; None where one is not known."""


@dataclass(frozen=True)
class DuplicateGroup:
    """Pictures of which one is proposed to be kept."""

    kind: DuplicateClass
    item_ids: tuple[int, ...]
    """The kept one first, then the others by rising id."""
    reason: str
    """Why that one is proposed."""
    spare_bytes: int
    """Bytes of the files of the others."""
    evidence: tuple[CopyEvidence | None, ...] = ()
    """Of each of the others; None for the same bytes."""


@dataclass(frozen=True)
class Findings:
    """The duplicates of a collection at one time."""

    groups: tuple[DuplicateGroup, ...]
    """By class, then by the id of the kept picture."""
    pictures: int
    """Distinct contents that were looked at."""
    items: int
    """Image items that were looked at."""
    unhashed: int
    """Pictures without perceptual hashes, or without those of parts: only their embeddings, or not
    their crops, were compared."""


@dataclass(frozen=True)
class SparePicture:
    """A picture of a group, with its facts."""

    item: Item
    evidence: CopyEvidence | None
    """It is None where the bytes are the same."""


@dataclass(frozen=True)
class DescribedDuplicates:
    """A group with the facts of its pictures."""

    kind: DuplicateClass
    kept: Item
    others: tuple[SparePicture, ...]
    """All of the others, or the first of them."""
    total_others: int
    reason: str
    spare_bytes: int
    """Bytes of the files of all others."""
