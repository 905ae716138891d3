"""The directions in which pictures differ most: principal component analysis in NumPy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmembed.search.ordering import unit_rows

MOST_AXES = 64
"""Of these, nearest neighbours are the same as of all but for a few in a hundred."""
CHUNK = 5_000
FEWEST = 2

Rows = NDArray[np.float32]


@dataclass(frozen=True)
class PrincipalAxes:
    """A projection of vectors to fewer numbers."""

    mean: Rows
    """float32 (dim,), of the unit-norm vectors."""
    basis: Rows
    """float32 (dim, axes), orthonormal; by falling variance."""

    def project(self, stored: NDArray[np.float16]) -> Rows:
        """Stored vectors, (n, dim) of any length but zero → float32 (n, axes)."""
        found = np.empty((len(stored), self.basis.shape[1]), np.float32)
        for start in range(0, len(stored), CHUNK):
            part = slice(start, start + CHUNK)
            found[part] = (unit_rows(stored[part]) - self.mean) @ self.basis
        return found


def principal_axes(stored: NDArray[np.float16], most: int = MOST_AXES) -> PrincipalAxes:
    """The first axes of stored vectors, (n, dim) of any length but zero; n is at least 1. The same
    for the same vectors in the same order: each axis points to where its largest part is above
    0."""
    dim = stored.shape[1]
    total, products = np.zeros(dim), np.zeros((dim, dim))
    for start in range(0, len(stored), CHUNK):
        rows = unit_rows(stored[start : start + CHUNK])
        total += rows.sum(axis=0, dtype=np.float64)
        products += rows.T @ rows
    mean = total / len(stored)
    _, vectors = np.linalg.eigh(products / len(stored) - np.outer(mean, mean))
    basis = vectors[:, ::-1][:, : min(most, dim)]
    largest = np.abs(basis).argmax(axis=0)
    basis = basis * np.where(basis[largest, np.arange(basis.shape[1])] < 0, -1, 1)
    if dim < FEWEST:
        basis = np.pad(basis, ((0, 0), (0, FEWEST - dim)))
    return PrincipalAxes(mean.astype(np.float32), np.ascontiguousarray(basis, np.float32))
