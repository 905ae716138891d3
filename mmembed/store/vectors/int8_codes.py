"""float32 vectors → int8 codes, and error bounds of cosines from codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numkong
import numpy as np
from numpy.typing import NDArray

from mmembed.store.vectors.rescoring import Rows

LEVELS = 127
ROUNDING = 2e-6
"""More than the rounding errors of float32 sums and of scores with six decimals."""
PACKED = 3
"""Queries from which on one reading of the codes for all of them is faster."""

Codes = NDArray[np.int8]
"""int8 (n, dim), in [-127, 127]."""
Columns = NDArray[np.float32]
"""float32 (3, n): the step of each vector's codes, the length of its decoded vector, and the length
of its rounding error."""
Scores = NDArray[np.float64]


@dataclass(frozen=True)
class QueryCodes:
    """A query as one plane of codes or two: with 8 bits or 16."""

    planes: tuple[tuple[Codes, float], ...]
    """int8 (dim,), and the value of one step."""
    missed: float
    """The length of the rounding error."""
    length: float

    def about(self, codes: Codes, steps: NDArray[np.float32]) -> Scores:
        """Approximate cosines from the codes (n, dim) of vectors, whose steps are float32 (n,),
        without the part that all share: float64 (n,)."""
        (plane, worth), *others = self.planes
        cosines: Scores = products(codes, plane) * worth
        for plane, worth in others:
            cosines += worth * products(codes, plane)
        cosines *= steps
        return cosines

    def off(self, columns: Columns) -> NDArray[np.float32]:
        """The largest difference between `about` and the cosines, either way: float32 (n,)."""
        _, stands_for, lost = columns
        # (vector - its decoded vector) . query, and the decoded vector . the query's rounding
        # error.
        bounds: NDArray[np.float32] = lost * self.length + stands_for * self.missed + ROUNDING
        return bounds


@dataclass(frozen=True)
class Grid:
    """A vector is nearly centre + spread * (its step) * (its codes). Embeddings share a large mean,
    and some dimensions are many times wider than others."""

    centre: NDArray[np.float32]
    spread: NDArray[np.float32]

    @classmethod
    def of(cls, rows: Rows) -> Grid:
        """The grid that suits float32 (n, dim) vectors like these; any other will fit it, too,
        with larger errors."""
        if not len(rows):
            return cls(np.zeros(rows.shape[1], np.float32), np.ones(rows.shape[1], np.float32))
        deviation = rows.std(axis=0)
        floor = max(float(deviation.max()) / LEVELS, 1e-6)
        return cls(rows.mean(axis=0), np.maximum(deviation, np.float32(floor)))

    def encode(self, rows: Rows) -> tuple[Codes, Columns]:
        """float32 (n, dim) → their codes and columns."""
        scaled = (rows - self.centre) / self.spread
        steps = np.maximum(np.abs(scaled).max(axis=1) / LEVELS, np.float32(1e-9))
        codes = np.rint(scaled / steps[:, None])
        said = codes * steps[:, None]
        lengths = [np.linalg.norm(part, axis=1) for part in (said, (scaled - said) * self.spread)]
        return codes.astype(np.int8), np.stack([steps, *lengths])

    def encoded(self, query: NDArray[np.float32], planes: int) -> QueryCodes:
        """A float32 (dim,) query in one plane, or more finely in several."""
        scaled = rest = query.astype(np.float64) * self.spread
        worth = float(np.abs(scaled).max()) / LEVELS or 1.0
        coded = []
        for _ in range(planes):
            codes = np.rint(rest / worth)
            rest = rest - codes * worth
            coded.append((codes.astype(np.int8), worth))
            worth /= 2 * LEVELS
        missed, length = float(np.linalg.norm(rest)), float(np.linalg.norm(query))
        return QueryCodes(tuple(coded), missed, length)


def about_each(queries: Sequence[QueryCodes], codes: Codes, steps: NDArray[np.float32]) -> Scores:
    """The values of `QueryCodes.about` for m queries of one plane: float64 (m, n). Codes are read
    once."""
    if len(queries) == 1:
        return queries[0].about(codes, steps)[None]
    if len(queries) < PACKED:
        return np.stack([query.about(codes, steps) for query in queries])
    packed = numkong.dots_pack(np.stack([query.planes[0][0] for query in queries]))
    sums: Any = numkong.dots_packed(codes, packed)
    worths = np.array([query.planes[0][1] for query in queries])
    cosines: Scores = np.ascontiguousarray(np.asarray(sums).T) * worths[:, None] * steps
    return cosines


def products(codes: Codes, plane: Codes) -> Scores:
    """int8 (n, dim), (dim,) → their dot products, exact, as float64 (n,)."""
    sums: Any = numkong.dot(codes, plane)
    scores: Scores = np.asarray(sums)
    return scores
