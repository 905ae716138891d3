"""What was embedded before is not embedded again."""

from mmembed.caches.bounded import CACHE_BYTES, BoundedCache
from mmembed.caches.images import ImageCache
from mmembed.caches.texts import TextCache

__all__ = ["CACHE_BYTES", "BoundedCache", "ImageCache", "TextCache"]
