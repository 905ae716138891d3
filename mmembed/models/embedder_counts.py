"""Figures of one model for monitors of a server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EmbedderCounts:
    """The work of one model since the start, and its queue now."""

    text_hits: int
    text_misses: int
    text_evictions: int
    """Of the cache of texts; a text that a request holds twice is looked up once."""
    image_hits: int
    image_misses: int
    image_evictions: int
    texts: int
    images: int
    """Inputs that went through the model."""
    text_seconds: float
    image_seconds: float
    """Of the model itself."""
    batch_sizes: dict[int, int]
    """Batches by the number of their inputs."""
    waiting: int
    """Requests in the queue now."""
    abandoned: int
    """Requests that were abandoned before they were embedded."""
    loads: int
    """How often the model was loaded."""
    loaded: bool

    @property
    def batches(self) -> int:
        """How often the model ran."""
        return sum(self.batch_sizes.values())
