"""Several terms → the vector that ranks for all of them.

Cosines of words with pictures lie closer together than those of pictures with pictures. So each
term is standardised first: its cosine less the mean, divided by the deviation, over a sample of
the collection. The weighted sum of such terms ranks as one vector: Σ weight / deviation · term.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmembed.errors import QueryError
from mmembed.search.calibration import background
from mmembed.search.mixing import mixed
from mmembed.types import Background, Embeddings

LEAST_DEVIATION = 0.1
"""Of the largest deviation among the terms: a smaller one is taken for this. Otherwise a term that
is the same for every picture would outweigh the others."""


def backgrounds(rows: Embeddings, sample: Embeddings) -> tuple[Background, ...]:
    """The usual cosines of each row, float32 (n, dim), over a sample of the collection.

    Rounded to float32, as cursors carry them. Deviations are 1 where the sample tells none apart.
    """
    usual = [background(row, sample) for row in rows]
    largest = max((one.deviation for one in usual), default=0.0)
    if largest <= 1e-6:
        return tuple(Background(0.0, 1.0) for _ in usual)
    floor = largest * LEAST_DEVIATION
    return tuple(
        Background(float(np.float32(one.mean)), float(np.float32(max(one.deviation, floor))))
        for one in usual
    )


@dataclass(frozen=True)
class Composition:
    """The terms of a query, each with its weight and its background."""

    rows: Embeddings
    """float32 (n, dim), unit-norm."""
    weights: tuple[float, ...]
    """Finite and not 0; a negative one leads away."""
    usual: tuple[Background, ...]

    def towards(self) -> Composition:
        """The terms of positive weight."""
        return self.of([weight > 0 for weight in self.weights])

    def away(self) -> Composition:
        """The terms of negative weight."""
        return self.of([weight < 0 for weight in self.weights])

    def of(self, chosen: Sequence[bool]) -> Composition:
        """Some of the terms. chosen: whether each is one of them."""
        return Composition(
            self.rows[np.array(chosen, dtype=bool)],
            tuple(one for one, yes in zip(self.weights, chosen, strict=True) if yes),
            tuple(one for one, yes in zip(self.usual, chosen, strict=True) if yes),
        )

    def vector(self) -> NDArray[np.float32]:
        """The vector that ranks by the weighted sum of the standardised terms: float32 (dim,),
        unit-norm. Raises QueryError if the terms cancel out."""
        parts = zip(self.weights, self.usual, strict=True)
        return _or_fail(mixed(list(self.rows), [weight / one.deviation for weight, one in parts]))

    def direction(self) -> NDArray[np.float32]:
        """The weighted sum of the terms as they are, to which hits have their score: float32
        (dim,), unit-norm. Raises QueryError if the terms cancel out."""
        return _or_fail(mixed(list(self.rows), self.weights))

    def standardised(self, vectors: Embeddings) -> NDArray[np.float64]:
        """How far each vector, float32 (n, dim), is above the usual of each term, in deviations:
        (n, terms). The same for a vector among whichever others."""
        cosines = np.einsum("nd,td->nt", vectors, self.rows, dtype=np.float64, optimize=False)
        means = np.array([one.mean for one in self.usual])
        deviations = np.array([one.deviation for one in self.usual])
        return np.asarray((cosines - means) / deviations)


def _or_fail(vector: NDArray[np.float32] | None) -> NDArray[np.float32]:
    if vector is None:
        raise QueryError("the terms of the query cancel out; change their weights")
    return vector
