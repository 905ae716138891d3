"""Distances from a point in the middle of a group, from which follows that two pictures belong
together without their comparison.

Differing bits and the distances of vectors obey the triangle inequality: two pictures are at most
as far from each other as the sum of their distances from any point between. So each picture has one
number, its reach, of which 1 is the most that two pictures may share.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mmembed.explore.duplicates.picture_table import Likenesses
from mmembed.media.perceptual_hash import Hashes, differing_bits

ROUNDING = 1e-5
"""Of a product of two float32 vectors; reaches are larger by it, so that they are safe."""

Places = NDArray[np.int64]
Numbers = NDArray[np.float64]
Answers = NDArray[np.bool_]


ReachOf: TypeAlias = Callable[[Places], Numbers]
"""The reaches of pictures at places, (n,): if those of two add up to at most 1, the two belong
together. Infinite where nothing follows."""


class Rule(Protocol):
    """Which two pictures of a class belong together."""

    def belong(self, some: Places, others: Places) -> Answers:
        """(n, m): whether pictures at these places do."""
        ...

    def reach_around(self, places: Places) -> ReachOf:
        """The reaches from a point in the middle of these pictures, of which there is one or
        more."""
        ...


@dataclass(frozen=True)
class MiddleVector:
    """The mean of vectors. For two vectors a and b of nearly unit length, and any point c,

        1 − a·b = |a − b|² / 2 + s(a) + s(b)  with  s(a) = (1 − |a|²) / 2,

    and |a − b|² / 2 is at most |a − c|² + |b − c|². So 1 − a·b is at most the sum of two numbers,
    one for each vector.
    """

    alike: Likenesses
    mean: NDArray[np.float32]
    """(dim,)"""
    of_cosines: bool
    """Whether the products are cosines of the embeddings, rather than likenesses."""

    @classmethod
    def of(cls, alike: Likenesses, places: Places, *, of_cosines: bool) -> MiddleVector:
        """The mean of those at these places."""
        vectors = _vectors(alike, places, of_cosines)
        return cls(alike, vectors.mean(axis=0), of_cosines)

    def parts(self, places: Places) -> Numbers:
        """(n,): the products of two pictures at these places are at least 1 less both their
        parts."""
        vectors = _vectors(self.alike, places, self.of_cosines)
        squares = np.einsum("nd,nd->n", vectors, vectors).astype(np.float64) / 2
        parts = squares + 0.5 + float(self.mean @ self.mean) - 2 * (vectors @ self.mean)
        if self.of_cosines:
            parts += self.alike.common / 2 - self.alike.along[places]
        return np.asarray(parts + ROUNDING)


def _vectors(alike: Likenesses, places: Places, of_cosines: bool) -> NDArray[np.float32]:
    rows = alike.rows[places].astype(np.float32)
    return rows * alike.lengths[places, None] if of_cosines else rows


@dataclass(frozen=True)
class MiddleBits:
    """Of each bit of hashes, its most frequent value."""

    hashes: Hashes
    """(n,): of all pictures."""
    middle: Hashes
    """(1,)"""

    @classmethod
    def of(cls, hashes: Hashes, places: Places) -> MiddleBits:
        """That of the hashes at these places."""
        bits = np.unpackbits(np.ascontiguousarray(hashes[places])[:, None].view(np.uint8), axis=1)
        return cls(hashes, np.packbits(bits.mean(axis=0) > 0.5).view(np.uint64))

    def apart(self, places: Places) -> NDArray[np.uint8]:
        """(n,): how many bits differ."""
        return differing_bits(self.hashes[places], self.middle)
