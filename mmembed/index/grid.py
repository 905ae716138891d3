"""float32 vectors → int8 codes, and how far a cosine that is read from codes may be off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numkong
import numpy as np
from numpy.typing import NDArray

from mmembed.index.scoring import Rows

LEVELS = 127
ROUNDING = 2e-6
"""More than float32 sums, and scores that are rounded to six decimals, add to an error."""

Codes = NDArray[np.int8]
"""int8 (n, dim), in [-127, 127]."""
Columns = NDArray[np.float32]
"""float32 (3, n): of every vector the step of its codes, the length of what they stand for,
and the length of what they miss."""
Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Asked:
    """A query as one plane of codes or two, that is with 8 bits or 16."""

    planes: tuple[tuple[Codes, float], ...]
    """int8 (dim,), and what a 1 of them is worth."""
    missed: float
    """The length of what the planes miss."""
    length: float

    def bounds(self, codes: Codes, columns: Columns) -> tuple[Scores, Scores]:
        """What the cosines of these vectors are at least and at most, less the part that is
        the same for all: float64 (n,) and (n,)."""
        steps, stands_for, lost = columns
        about = sum(worth * products(codes, plane) for plane, worth in self.planes) * steps
        # (vector - what its codes say) . query, and what they say . what the query's miss.
        off = lost * self.length + stands_for * self.missed + ROUNDING
        return about - off, about + off


@dataclass(frozen=True)
class Grid:
    """A vector is centre + spread * (its step) * (its codes), nearly: embeddings have a large
    mean in common, and some dimensions are many times wider than others."""

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

    def asked(self, query: NDArray[np.float32], planes: int) -> Asked:
        """A float32 (dim,) query in one plane, or more finely in several."""
        scaled = rest = query.astype(np.float64) * self.spread
        worth = float(np.abs(scaled).max()) / LEVELS or 1.0
        found = []
        for _ in range(planes):
            codes = np.rint(rest / worth)
            rest = rest - codes * worth
            found.append((codes.astype(np.int8), worth))
            worth /= 2 * LEVELS
        missed, length = float(np.linalg.norm(rest)), float(np.linalg.norm(query))
        return Asked(tuple(found), missed, length)


def products(codes: Codes, plane: Codes) -> Scores:
    """int8 (n, dim), (dim,) → their dot products, exact, as float64 (n,)."""
    sums: Any = numkong.dot(codes, plane)
    found: Scores = np.asarray(sums)
    return found
