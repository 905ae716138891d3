"""The facts for embedding with a model, except its weights and its vocabulary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ModelFacts:
    """The facts of a model; plain values, so that they can be stored as JSON."""

    name: str
    """The model's id, as `--model` takes it."""
    fingerprint: str
    """Hex digest over weights, preprocessing, tokenizer and pooling."""
    dim: int
    context_length: int
    """Tokens of one text window, start and end tokens included."""
    logit_scale: float
    """Already exponentiated."""
    logit_bias: float | None
    pixels: Mapping[str, Any]
    """open_clip's preprocess_cfg, its size as [height, width]."""
    cut: bool
    """Whether texts may be cut behind the longest of a batch: exact under a causal mask."""
    eos_id: int | None
    """The end-of-text token; None if it is the largest id."""

    def ends(self, tokens: NDArray[np.int64]) -> NDArray[np.int64]:
        """int64 (n,): the position of the end-of-text token in each text of int64 (n, length)."""
        shown = tokens if self.eos_id is None else tokens == self.eos_id
        return np.asarray(shown.argmax(axis=1), dtype=np.int64)
