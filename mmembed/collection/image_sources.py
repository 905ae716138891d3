"""Reads the images that requests name: files, addresses, and bytes."""

from __future__ import annotations

from pathlib import Path

from mmembed.config.settings import PREFIX, Settings
from mmembed.errors import ImageError
from mmembed.fetch.fetcher import Fetcher
from mmembed.media.decode import image_facts, read_file
from mmembed.models.inputs import Embedder
from mmembed.types import ImageFacts


class ImageSources:
    """The part of a Collection that reads the images of requests."""

    settings: Settings
    embedder: Embedder
    _fetcher: Fetcher

    def image_facts(self, data: bytes) -> ImageFacts:
        """The facts in the header of an image file that was embedded before."""
        return image_facts(data)

    def fetch_image(self, url: str, name: str) -> bytes:
        """The bytes at an address, if fetching is allowed. Raises ImageError."""
        if not self.settings.fetch_urls:
            raise ImageError(
                name,
                "addresses are not fetched here; send the image itself as a data URI, or allow "
                f"fetching with {PREFIX}FETCH_URLS=on",
            )
        return self._fetcher.fetch(url, name)

    def read_image(self, path: Path) -> bytes:
        """The bytes of an image file, within the limits. Raises ImageError."""
        return read_file(path, limits=self.embedder.limits)
