"""Which of many inputs a model cannot embed, or whether it cannot embed anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mmembed.item_failures import each_apart
from mmembed.models.encoder import Encoder
from mmembed.types import Pixels

Row: TypeAlias = NDArray[np.float32]
"""float32 (dim,), unit-norm."""
PLAIN_TEXT = "a photo"
"""What any model can embed that is not broken; black pixels are another such thing."""


def pixels_apart(model: Encoder, pixels: Sequence[Pixels]) -> list[Row | BaseException]:
    """The embedding of each picture of uint8 (height, width, 3), or what it alone raises.

    Raises what the model raises at a black picture, where it can embed none of these.
    """
    rows = each_apart(pixels, lambda some: model.embed_preprocessed(np.stack(some)))
    _check(rows, lambda: model.embed_preprocessed(np.zeros_like(pixels[0])[None]))
    return rows


def texts_apart(
    encoder: Encoder, texts: Sequence[str], model: Encoder | None = None
) -> list[Row | BaseException]:
    """The embedding of each text, or what it alone raises.

    `model` is what the encoder asks, where that remembers texts. Raises what it raises at a
    plain text, where it can embed none of these.
    """
    rows = each_apart(texts, encoder.embed_texts)
    _check(rows, lambda: (model or encoder).embed_texts([PLAIN_TEXT]))
    return rows


def _check(rows: Sequence[Row | BaseException], probe: Callable[[], object]) -> None:
    """Where all inputs failed, the model gets the plainest. Raises what it raises at that."""
    if rows and all(isinstance(row, BaseException) for row in rows):
        probe()
