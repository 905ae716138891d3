"""An encoder that fails at what is purple, in the method that a test chooses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from mmembed.types import Box, Embeddings, Pixels
from tests.fake_encoder import COLOURS, FakeEncoder

BAD = "purple"
"""The picture and the word of which the encoder below cannot do something."""


class Panic(BaseException):
    """As libraries written in Rust raise it."""


FAULTS: dict[str, type[BaseException]] = {
    "preprocess": RuntimeError,
    "embed_preprocessed": MemoryError,
    "embed_texts": Panic,
    "count_tokens": ZeroDivisionError,
    "decode": OverflowError,
}


class Faulty(FakeEncoder):
    """Raises in one method at what is purple."""

    def __init__(self) -> None:
        super().__init__()
        self.fault = ""

    def _do(self, method: str, is_bad: bool) -> None:
        if method == self.fault and is_bad:
            raise FAULTS[method]("detail of the inside")

    def preprocess(self, image: Image.Image, box: Box | None = None) -> Pixels:
        self._do("preprocess", image.getpixel((0, 0)) == COLOURS[BAD])
        return super().preprocess(image, box)

    def embed_preprocessed(self, pixels: Pixels) -> Embeddings:
        bad = (pixels[:, 0, 0] == np.array(COLOURS[BAD])).all(axis=1).any()
        self._do("embed_preprocessed", bool(bad))
        return super().embed_preprocessed(pixels)

    def embed_texts(self, texts: Sequence[str]) -> Embeddings:
        self._do("embed_texts", any(BAD in text for text in texts))
        return super().embed_texts(texts)

    def count_tokens(self, text: str) -> int:
        self._do("count_tokens", BAD in text)
        return super().count_tokens(text)
