"""The limits on one picture, and the errors of a picture that is over them."""

from __future__ import annotations

from dataclasses import dataclass, field

from mmembed.config.limits import Limits
from mmembed.errors import ImageTooLarge
from mmembed.media.memory_hold import millions
from mmembed.memory_budget import MemoryBudget


@dataclass(frozen=True)
class ImageLimits:
    """Limits that are checked before a picture is decoded."""

    max_bytes: int = Limits.image_bytes
    """Largest file, in bytes."""
    max_pixels: int = Limits.image_pixels
    """Largest picture, width x height, by its header."""
    memory: MemoryBudget | None = field(default=None, compare=False)
    """The budget for the memory of decoding; None: unlimited."""

    @classmethod
    def of(cls, limits: Limits, memory: MemoryBudget | None = None) -> ImageLimits:
        """The part of all limits that is about pictures."""
        return cls(limits.image_bytes, limits.image_pixels, memory)

    def too_many_bytes(self, name: str, size: int) -> ImageTooLarge:
        """The error of a file of so many bytes."""
        limit = f"limit {self.max_bytes / 1e6:g}; raise MMEMBED_MAX_IMAGE_MB"
        return ImageTooLarge(name, f"{millions(size)} MB, {limit}")

    def too_many_pixels(self, name: str, pixels: int) -> ImageTooLarge:
        """The error of a picture of so many pixels."""
        limit = f"limit {self.max_pixels / 1e6:g}; raise MMEMBED_MAX_MEGAPIXELS"
        return ImageTooLarge(name, f"{millions(pixels)} megapixels, {limit}")


DEFAULT_LIMITS = ImageLimits()
