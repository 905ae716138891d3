"""What the answers must be: the library's own embeddings, without a server between."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmembed import load_encoder
from mmembed.media.decode import decode
from mmembed.types import Embeddings
from tests.clients.job import Rows

ENGINE = "torch-float32"
"""The same on both sides: engines differ in the last digits."""
SAME = 0.99999
"""Least cosine between an embedding that went through a client and the library's."""
NEAR = 0.999
"""Of one in 8-bit integers."""
COMPRESSED = 0.95
"""Of a picture that the client compresses before it sends it."""


class Expected:
    """The embeddings of the texts and pictures of a job, as the library makes them."""

    def __init__(self, texts: list[str], pictures: list[Path]) -> None:
        self._texts = texts
        self._pictures = pictures
        self._encoder = load_encoder("bundled", engine=ENGINE)

    @cached_property
    def texts(self) -> Embeddings:
        """float32 (texts, dim), unit-norm."""
        return self._encoder.embed_texts(self._texts)

    @cached_property
    def pictures(self) -> Embeddings:
        """float32 (pictures, dim), unit-norm."""
        encoder = self._encoder
        decoded = [decode(path, side=encoder.facts.decode_side) for path in self._pictures]
        pixels = [encoder.preprocess(one.image, one.box) for one in decoded]
        return encoder.embed_preprocessed(np.stack(pixels))

    @cached_property
    def mixed(self) -> Embeddings:
        """float32 (1, dim): the first picture and the first text as one, both of weight 1."""
        mean = self.texts[:1] + self.pictures[:1]
        return np.asarray(mean / np.linalg.norm(mean), np.float32)

    def complaint(self, kind: str, rows: Rows) -> str:
        """How the rows differ from what a call of this kind must give; empty if they do not."""
        try:
            KINDS[kind](self, np.array(rows))
        except AssertionError as error:
            return str(error) or f"{np.shape(rows)}: not what was expected"
        return ""


def _same(found: NDArray, expected: Embeddings, least: float = SAME) -> None:
    assert found.shape == expected.shape
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert cosines(found, expected).min() > least


def _near(found: NDArray, expected: Embeddings, lowest: int) -> None:
    """Whole numbers of 8 bits, from the lowest one up."""
    assert found.shape == expected.shape
    assert np.array_equal(found, np.round(found))
    assert lowest <= found.min() <= found.max() <= lowest + 255
    assert cosines(found - (lowest + 128), expected).min() > NEAR


def _signs(found: NDArray, expected: Embeddings, lowest: int) -> None:
    """Eight signs in a number, the first one in its highest bit."""
    signs = np.packbits(expected > 0, axis=1).astype(int) + lowest
    assert np.array_equal(found, signs)


def cosines(some: NDArray, others: NDArray) -> NDArray:
    """Of each row with its own: (n,)."""
    lengths = np.linalg.norm(some, axis=1) * np.linalg.norm(others, axis=1)
    return np.asarray((some * others).sum(axis=1) / lengths)


KINDS: dict[str, Callable[[Expected, NDArray], None]] = {
    "text": lambda expected, found: _same(found, expected.texts),
    "first text": lambda expected, found: _same(found, expected.texts[:1]),
    "image": lambda expected, found: _same(found, expected.pictures),
    "first image": lambda expected, found: _same(found, expected.pictures[:1]),
    "image, compressed": lambda expected, found: _same(found, expected.pictures, COMPRESSED),
    "mixed": lambda expected, found: _same(found, expected.mixed),
    "text, then image": lambda expected, found: _same(
        found, np.concatenate([expected.texts[:1], expected.pictures[:1]])
    ),
    "int8": lambda expected, found: _near(found, expected.texts, -128),
    "uint8": lambda expected, found: _near(found, expected.texts, 0),
    "binary": lambda expected, found: _signs(found, expected.texts, -128),
    "ubinary": lambda expected, found: _signs(found, expected.texts, 0),
}
"""By kind of call; those with an image in them stand in the table's column of images."""
