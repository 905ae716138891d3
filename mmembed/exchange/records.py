"""The items of a collection on their way out of one store and into another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from mmembed.store.entries import CaptionEntry, ImageEntry, Reading, Words
from mmembed.types import AutomaticTag


@dataclass(frozen=True)
class ImageRecord:
    """An image with its captions, tags, fields and vectors."""

    id: int
    """In the store that it comes from; 0 if it comes from another program."""
    entry: ImageEntry
    """With a vector, and with a reading that has its words."""
    caption_tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Tags of its captions themselves, by the caption's text."""
    is_upload: bool = False
    """Whether its file is the store's own."""
    automatic: tuple[AutomaticTag, ...] = ()
    """Tags that label sets gave it."""

    @property
    def words(self) -> Words:
        """Its captions, tags and fields, with their sources."""
        return self.entry.reading.words if self.entry.reading else Words()

    @property
    def name(self) -> str:
        """Its name in errors."""
        return self.entry.path


@dataclass(frozen=True)
class TextRecord:
    """A caption of no image."""

    id: int
    entry: CaptionEntry
    """With a vector, or with chunks."""
    tags: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Its name in errors."""
        text = self.entry.text
        return f"caption “{text if len(text) <= 40 else text[:39] + '…'}”"


Record: TypeAlias = ImageRecord | TextRecord


def added_to(words: Words) -> Reading:
    """A reading that adds words to those that an image has, and removes none."""
    return Reading(words, lambda source: False)
