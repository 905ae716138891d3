"""Finds the inputs that a model cannot embed, or that it cannot embed anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from mmembed.item_failures import each_apart
from mmembed.models.encoder import Encoder
from mmembed.types import Embedding, Pixels

PLAIN_TEXT = "a photo"
"""A text that every sound model can embed; black pixels are the image for that."""


def pixels_apart(model: Encoder, pixels: Sequence[Pixels]) -> list[Embedding | BaseException]:
    """The embedding of each picture of uint8 (height, width, 3), or its own error.

    If the model can embed none of them, raises its error for a black picture.
    """
    rows = each_apart(pixels, lambda some: model.embed_preprocessed(np.stack(some)))
    _check(rows, lambda: model.embed_preprocessed(np.zeros_like(pixels[0])[None]))
    return rows


def texts_apart(
    encoder: Encoder, texts: Sequence[str], model: Encoder | None = None
) -> list[Embedding | BaseException]:
    """The embedding of each text, or its own error.

    If the encoder is a cache of texts, `model` is the encoder behind it. If the model can embed
    none of them, raises its error for a plain text.
    """
    rows = each_apart(texts, encoder.embed_texts)
    _check(rows, lambda: (model or encoder).embed_texts([PLAIN_TEXT]))
    return rows


def _check(rows: Sequence[Embedding | BaseException], probe: Callable[[], object]) -> None:
    """If all inputs failed, the model gets the plainest input. Raises its error for that."""
    if rows and all(isinstance(row, BaseException) for row in rows):
        probe()
