"""A question to the classifier: which labels compete, by which words and examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mmembed.classify.zero_shot import Mode
from mmembed.types import Embeddings


@dataclass(frozen=True, eq=False)
class KnownCases:
    """Embedded examples of one kind."""

    rows: Embeddings
    """float32 (n, dim), unit-norm."""
    labels: NDArray[np.int64]
    """int64 (n,): the position of each one's label."""

    @classmethod
    def none(cls) -> KnownCases:
        """No examples."""
        return cls(np.zeros((0, 0), np.float32), np.zeros(0, np.int64))

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class Question:
    """Labels, and how they compete."""

    labels: Sequence[str]
    templates: Sequence[str] | None = None
    """Prompts in which {} is the label; None: those that suit the model."""
    mode: Mode | None = None
    """None: as suits the model."""
    wordless: frozenset[str] = frozenset()
    """Labels that are mere names: their examples alone count."""
    pictures: KnownCases = field(default_factory=KnownCases.none)
    """Examples for pictures."""
    texts: KnownCases = field(default_factory=KnownCases.none)
    """Examples for texts."""
    none_of_these: bool = False
    """Whether no label may be there at all. Then other texts compete with all labels together."""
    precision: float | None = None
    """In the mode `multi`, the share of given labels that shall be right: less likely ones are left
    out."""
    thresholds: Mapping[str, float] = field(default_factory=dict)
    """The lowest probability of labels, in the mode `multi`; these go before the precision."""
