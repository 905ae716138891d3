"""How much one request, and one picture, may be: plain numbers of the settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mmembed.config.text_limits import TextLimits

if TYPE_CHECKING:
    from mmembed.config.settings import Settings


@dataclass(frozen=True)
class Limits:
    """All limits on requests."""

    items: int = 1024
    """Images or texts in one request."""
    labels: int = 2000
    """Labels in one classification."""
    page: int = 1000
    """Results in one page."""
    texts: TextLimits = field(default_factory=TextLimits)
    image_bytes: int = 100_000_000
    image_pixels: int = 100_000_000
    upload_bytes: int = 64_000_000
    """Bytes of one request body."""

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """The limits that the owner set."""
        texts = TextLimits(
            settings.max_text_chars,
            settings.max_all_chars,
            settings.max_text_windows,
            settings.max_all_windows,
            settings.max_prompts,
        )
        return cls(
            items=settings.max_items,
            labels=settings.max_labels,
            page=settings.max_k,
            texts=texts,
            image_bytes=int(settings.max_image_mb * 1e6),
            image_pixels=int(settings.max_megapixels * 1e6),
            upload_bytes=int(settings.max_upload_mb * 1e6),
        )
