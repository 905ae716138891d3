"""Caches embeddings of images, which are then neither decoded nor embedded again."""

from __future__ import annotations

import hashlib
import sys

import numpy as np
from numpy.typing import NDArray

from mmembed.models.bounded_cache import CACHE_BYTES, BoundedCache


class ImageCache(BoundedCache[bytes, NDArray[np.float32]]):
    """Embeddings, float32 (dim,), by the content of image files.

    It belongs to one encoder, and so to one fingerprint: vectors of two models never meet.
    """

    def __init__(self, max_bytes: int = CACHE_BYTES) -> None:
        super().__init__(lambda key, row: sys.getsizeof(key) + row.nbytes, max_bytes)

    @staticmethod
    def key_of(data: bytes) -> bytes:
        """The key of an image file: the SHA-256 digest of its bytes."""
        return hashlib.sha256(data).digest()
