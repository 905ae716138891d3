"""An encoder without a model: colours and colour words share one space.

An image becomes the share of each named colour in it plus a little of its layout;
a text becomes the colours that it names. So «a red bus» finds red pictures, and tests
of search and classification can assert real rankings without torch.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mmembed.models.encoder import EncoderFacts
from mmembed.types import Box, Embeddings, Pixels

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (220, 30, 30),
    "orange": (255, 150, 30),
    "yellow": (250, 230, 40),
    "green": (40, 160, 60),
    "cyan": (60, 210, 220),
    "blue": (40, 70, 220),
    "purple": (140, 50, 180),
    "pink": (250, 150, 190),
    "brown": (120, 75, 35),
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "grey": (128, 128, 128),
}
SYNONYMS = {"gray": "grey", "violet": "purple", "turquoise": "cyan", "scarlet": "red"}
SIZE = 8  # pixels on a side after preprocessing
LAYOUT = 4  # brightness left to right, top to bottom, centre to edge, along the diagonal
DIM = len(COLOURS) + LAYOUT

_NAMES = list(COLOURS)
_PALETTE = np.array(list(COLOURS.values()), np.float32) / 255


class FakeEncoder:
    """Implements `mmembed.Encoder`; deterministic, thread-safe, dim 16.

    `batches` collects the size of every batch of images or texts that was embedded.
    """

    def __init__(self, name: str = "fake", *, logit_bias: float | None = None) -> None:
        self.facts = EncoderFacts(
            name=name,
            fingerprint=hashlib.sha256(name.encode()).hexdigest(),
            dim=DIM,
            logit_scale=20.0,
            logit_bias=logit_bias,
            context_length=77,
            engine="fake",
            decode_side=2 * SIZE,
        )
        self.batches: list[int] = []

    def preprocess(self, image: Image.Image, box: Box | None = None) -> Pixels:
        """RGB image, or a box of it → uint8 (8, 8, 3)."""
        return np.asarray(image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BOX, box))

    def embed_preprocessed(self, pixels: Pixels) -> Embeddings:
        """uint8 (n, 8, 8, 3) → float32 (n, 16), unit-norm."""
        self.batches.append(len(pixels))
        planes = pixels.astype(np.float32).transpose(0, 3, 1, 2) / 255
        rows = [np.concatenate([_colour_shares(p), 0.2 * _layout(p)]) for p in planes]
        return _unit(np.array(rows, np.float32).reshape(-1, DIM))

    def embed_texts(self, texts: Sequence[str]) -> Embeddings:
        """n texts → float32 (n, 16), unit-norm; windows of a long text are averaged."""
        self.batches.append(len(texts))
        rows = [
            _unit(np.array([_word_bag(_words(w)) for w in self.split(t)], np.float32)).mean(axis=0)
            for t in texts
        ]
        return _unit(np.array(rows, np.float32).reshape(-1, DIM))

    def split(self, text: str, most: int | None = None) -> list[str]:
        """The windows of 75 words of a text; joined, they give the text."""
        starts = [word.start() for word in re.finditer(r"\w+", text)]
        step = self.facts.context_length - 2
        cuts = [0, *starts[step::step], len(text)]
        return [text[start:stop] for start, stop in pairwise(cuts)][:most]

    def count_windows(self, text: str) -> int:
        """One per 75 words or part of them."""
        return len(self.split(text))

    def count_tokens(self, text: str) -> int:
        """One per word, and a start and an end for each window."""
        return sum(len(_words(window)) + 2 for window in self.split(text))


def _colour_shares(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32 (3, h, w) → (12,): how much of the picture is near each named colour."""
    distance = ((pixels.reshape(3, -1).T[:, None, :] - _PALETTE) ** 2).sum(axis=2)
    nearness = np.exp(-(distance - distance.min(axis=1, keepdims=True)) / 0.05)
    shares: NDArray[np.float32] = (nearness / nearness.sum(axis=1, keepdims=True)).mean(axis=0)
    return shares


def _layout(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    grey = pixels.mean(axis=0)
    y, x = np.mgrid[-1 : 1 : 1j * grey.shape[0], -1 : 1 : 1j * grey.shape[1]]
    return np.array([(grey * m).mean() for m in (x, y, x * x + y * y - 1, x * y)], np.float32)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _word_bag(words: list[str]) -> NDArray[np.float32]:
    row = np.full(DIM, 0.01, np.float32)  # so that an empty text still has a direction
    for word in words:
        word = SYNONYMS.get(word, word)
        if word in COLOURS:
            row[_NAMES.index(word)] += 1
        else:
            row += 0.03 * _noise(word)
    return row


def _noise(word: str) -> NDArray[np.float32]:
    digest = hashlib.sha256(word.encode()).digest()[:DIM]
    return np.frombuffer(digest, np.uint8).astype(np.float32) / 127.5 - 1


def _unit(rows: NDArray[np.float32]) -> Embeddings:
    unit: Embeddings = rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12)
    return unit
