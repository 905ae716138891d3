"""The facts for embedding with a model, except its weights and its vocabulary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmembed.models.encoder import EncoderFacts, ModelFacts


@dataclass(frozen=True)
class OpenClipFacts(ModelFacts):
    """The facts of a model of open_clip; plain values, so that they can be stored as JSON."""

    pixels: Mapping[str, Any]
    """open_clip's preprocess_cfg, its size as [height, width]."""
    cut: bool
    """Whether texts may be cut behind the longest of a batch: exact under a causal mask."""
    eos_id: int | None
    """The end-of-text token; None if it is the largest id."""

    def run_by(self, engine: str, decode_side: int) -> EncoderFacts:
        """The facts of the encoder that an engine makes of the model."""
        known = {fact.name: getattr(self, fact.name) for fact in fields(ModelFacts)}
        return EncoderFacts(**known, engine=engine, decode_side=decode_side)

    def ends(self, tokens: NDArray[np.int64]) -> NDArray[np.int64]:
        """int64 (n,): the position of the end-of-text token in each text of int64 (n, length)."""
        shown = tokens if self.eos_id is None else tokens == self.eos_id
        return np.asarray(shown.argmax(axis=1), dtype=np.int64)
