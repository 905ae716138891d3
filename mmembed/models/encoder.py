"""The protocol of every model: its facts, and the same few methods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from mmembed.types import Box, Embeddings, Pixels

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True)
class ModelFacts:
    """Facts about a model that hold for every engine."""

    name: str
    """The model's id, as `--model` takes it."""
    fingerprint: str
    """Hex digest over weights, preprocessing, tokenizer and pooling."""
    dim: int
    """Length of an embedding."""
    logit_scale: float
    """Cosines are multiplied by it before softmax or sigmoid (already exponentiated)."""
    logit_bias: float | None
    """Added after scaling by models trained with a sigmoid loss (SigLIP); else None."""
    context_length: int
    """Tokens of one text window, start and end tokens included."""


@dataclass(frozen=True)
class EncoderFacts(ModelFacts):
    """Facts about a model that an engine runs."""

    engine: str
    """The engine that runs the model; all engines of a model give the same vectors, nearly."""
    decode_side: int
    """Pixels that a picture's shorter side should keep where it is shrunk while decoding."""


class Encoder(Protocol):
    """Embeds images and texts into one space. Implementations are thread-safe."""

    @property
    def facts(self) -> EncoderFacts:
        """Facts about the model; the same value for as long as the encoder lives."""

    def preprocess(self, image: Image.Image, box: Box | None = None) -> Pixels:
        """The model's preprocessing of an upright RGB image, or a box of it: (height, width, 3)."""

    def embed_preprocessed(self, pixels: Pixels) -> Embeddings:
        """uint8 (n, height, width, 3) from `preprocess` → float32 (n, dim), unit-norm."""

    def embed_texts(self, texts: Sequence[str]) -> Embeddings:
        """n texts → float32 (n, dim), unit-norm. A text longer than `context_length` is
        cut into windows at sentence borders, whose embeddings are averaged: nothing is dropped."""

    def split(self, text: str, most: int | None = None) -> Sequence[str]:
        """The first `most` windows of a text, all of them for None; of an ordinary text itself.
        Joined they give the text; `embed_texts` takes each as it is."""

    def count_windows(self, text: str) -> int:
        """How many windows `embed_texts` averages for this text; 1 for an ordinary one."""

    def count_tokens(self, text: str) -> int:
        """Tokens of a text, start and end tokens included."""
