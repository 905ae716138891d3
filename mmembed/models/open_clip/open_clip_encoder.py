"""Implements the Encoder protocol with an open_clip model on any engine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mmembed.engines import Engine
from mmembed.errors import ModelError
from mmembed.models.open_clip.facts import OpenClipFacts
from mmembed.models.open_clip.preprocessing import Preprocessing
from mmembed.models.open_clip.text_windows import Tokenizer, Window, Windows
from mmembed.types import Box, Embeddings

if TYPE_CHECKING:
    from PIL import Image

RUN_TOKENS = 64
"""The cost of starting a run on a CPU, in tokens that could be read meanwhile: 32 for ViT-B/32,
more for smaller models."""


class OpenClipEncoder:
    """Implements `mmembed.Encoder`; made by `load_encoder`.

    Embeddings equal open_clip's own encode_image and encode_text, normalised, within the engine's
    precision. The engine runs on the thread that calls, one call at a time; torch is fastest on the
    thread that loaded it.
    """

    def __init__(self, facts: OpenClipFacts, tokenizer: Tokenizer, engine: Engine) -> None:
        self.model = facts
        self.windows = Windows(tokenizer, facts.context_length)
        self._engine = engine
        self._preprocessing = Preprocessing.of(facts.pixels)
        self.facts = facts.run_by(engine.name, self._preprocessing.decode_side)
        self._lock = threading.Lock()

    def preprocess(self, image: Image.Image, box: Box | None = None) -> NDArray[np.uint8]:
        """The model's own preprocessing of an upright RGB image, or of a box of it: uint8
        (height, width, 3)."""
        return self._preprocessing(image, box)

    def embed_preprocessed(self, pixels: NDArray[np.uint8]) -> Embeddings:
        """uint8 (n, height, width, 3) → float32 (n, dim), unit-norm. Raises ModelError if the model
        gives NaN."""
        return self._embed(self._batches(pixels), self._engine.encode_images)

    def embed_texts(self, texts: Sequence[str]) -> Embeddings:
        """n texts → float32 (n, dim), unit-norm. Each window of a long text is embedded; the mean
        is normalised again. Raises ModelError as `embed_preprocessed`."""
        split = [self.windows.windows_of(text) for text in texts]
        flat = [window for windows in split for window in windows]
        rows = self._embed_windows(flat)
        if len(flat) == len(texts):
            return rows
        starts = np.cumsum([0, *(len(windows) for windows in split[:-1])])
        return _unit(np.add.reduceat(rows, starts, axis=0), self.facts.name)

    def blank_pixels(self) -> NDArray[np.uint8]:
        """uint8 (1, height, width, 3) of zeros, in the image tower's size."""
        return np.zeros((1, *self.model.pixels["size"], 3), np.uint8)

    def split(self, text: str, most: int | None = None) -> Sequence[str]:
        """The first `most` windows of a text, all of them for None; the text itself if it is
        ordinary. They carry their tokens, so that `embed_texts` need not tokenize them again."""
        return self.windows.split(text, most)

    def count_windows(self, text: str) -> int:
        """How many windows `embed_texts` averages for this text; 1 for an ordinary one."""
        return len(self.windows.windows_of(text))

    def count_tokens(self, text: str) -> int:
        """Tokens of a text, start and end tokens included; padding is not counted."""
        windows = self.windows.windows_of(text)
        return sum(self.windows.count(window) for window in windows)

    def _embed_windows(self, windows: list[Window]) -> Embeddings:
        if not windows:
            return np.zeros((0, self.facts.dim), np.float32)
        tokens = np.stack([window.tokens for window in windows])
        if not self.model.cut:
            return self._embed(self._batches(tokens), self._engine.encode_texts)
        # Texts of like length together, cut behind the longest, so that little padding is read.
        lengths = self.model.ends(tokens) + 1
        order = np.argsort(lengths, kind="stable")
        alike = self._alike(order, lengths) if self._engine.device == "cpu" else [order]
        short = [
            tokens[some, : lengths[some].max()] for part in alike for some in self._batches(part)
        ]
        rows = np.empty((len(windows), self.facts.dim), np.float32)
        rows[order] = self._embed(short, self._engine.encode_texts)
        return rows

    def _alike(self, order: NDArray[np.intp], lengths: NDArray[np.intp]) -> list[NDArray[np.intp]]:
        """The texts in parts, each for one run. A new part begins if padding the shorter texts
        would cost more than a run of their own."""
        starts, padding = [0], 0
        for place in range(1, len(order)):
            size = place - starts[-1]
            padding += size * int(lengths[order[place]] - lengths[order[place - 1]])
            if size == self._engine.batch or padding > RUN_TOKENS:
                starts.append(place)
                padding = 0
        return np.split(order, starts[1:])

    def _batches(self, inputs: NDArray[Any]) -> list[NDArray[Any]]:
        size = self._engine.batch
        return [inputs[start : start + size] for start in range(0, len(inputs), size)]

    def _embed(
        self,
        batches: list[NDArray[Any]],
        encode: Callable[[NDArray[Any]], NDArray[np.float32]],
    ) -> Embeddings:
        with self._lock:
            rows = [encode(batch) for batch in batches]
        none = np.zeros((0, self.facts.dim), np.float32)
        return _unit(np.concatenate([none, *rows]), self.facts.name)


def _unit(features: NDArray[np.float32], name: str) -> Embeddings:
    norms = np.linalg.norm(features, axis=1, keepdims=True)
    if not (np.isfinite(norms).all() and norms.all()):
        raise ModelError(f"{name}: the model gave a vector without a direction (not finite, or 0)")
    unit: Embeddings = features / norms
    return unit
