"""Which of many inputs a model cannot embed, or whether it cannot embed anything."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mmembed.errors import MmembedError, ModelError
from mmembed.failing import each_apart
from mmembed.types import Encoder, Pixels

log = logging.getLogger(__name__)

Row: TypeAlias = NDArray[np.float32]
"""float32 (dim,), unit-norm."""
PLAIN_TEXT = "a photo"
"""What any model can embed that is not broken; black pixels are another such thing."""


def pixels_apart(model: Encoder, pixels: Sequence[Pixels]) -> list[Row | Exception]:
    """The embedding of each picture of uint8 (height, width, 3), or what it alone raises.

    Raises ModelError where the model cannot embed a black picture either.
    """
    rows = each_apart(pixels, lambda some: model.embed_preprocessed(np.stack(some)))
    _check(model.name, rows, lambda: model.embed_preprocessed(np.zeros_like(pixels[0])[None]))
    return rows


def texts_apart(
    encoder: Encoder, texts: Sequence[str], model: Encoder | None = None
) -> list[Row | Exception]:
    """The embedding of each text, or what it alone raises.

    `model` is what the encoder asks, where that remembers texts. Raises ModelError where the
    model cannot embed a plain text either.
    """
    rows = each_apart(texts, encoder.embed_texts)
    _check(encoder.name, rows, lambda: (model or encoder).embed_texts([PLAIN_TEXT]))
    return rows


def _check(name: str, rows: Sequence[Row | Exception], probe: Callable[[], object]) -> None:
    """Raises ModelError where all inputs failed, and the model fails at the plainest, too."""
    if not rows or not all(isinstance(row, Exception) for row in rows):
        return
    try:
        probe()
    except MmembedError:
        raise
    except Exception as error:
        log.exception("%s: cannot embed anything", name)
        kind = type(error).__name__
        raise ModelError(f"{name}: cannot embed anything ({kind}); the log has it") from error
