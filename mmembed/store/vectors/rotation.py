"""float32 vectors → int8 codes with nearly the same cosines, for cells.

A few dimensions of embeddings are many times wider than the others, so the others would have few
levels of int8. A random rotation spreads them all alike and keeps every cosine.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mmembed.store.vectors.rescoring import Rows

LEVELS = 127
SEED = 7
WIDEST = 4.2
"""The largest level stands for so many standard deviations; few numbers are beyond."""


def codes_of(rows: Rows) -> NDArray[np.int8]:
    """float32 (n, dim), none 0 → int8 (n, dim), of nearly equal lengths: their inner products rank
    as cosines do, and take less time."""
    dim = rows.shape[1]
    turned = rows @ rotation(dim)
    turned *= squared_length(dim) ** 0.5 / np.linalg.norm(turned, axis=1, keepdims=True)
    codes: NDArray[np.int8] = np.rint(turned).clip(-LEVELS, LEVELS).astype(np.int8)
    return codes


def code_of(query: NDArray[np.float32]) -> NDArray[np.int8]:
    """The same of one vector: float32 (dim,) → int8 (dim,). Without a matrix product, whose
    threads wait for each other where many queries come at once."""
    turned = np.einsum("ij,j->i", _transposed(len(query)), query)
    turned *= squared_length(len(query)) ** 0.5 / np.linalg.norm(turned)
    code: NDArray[np.int8] = np.rint(turned).clip(-LEVELS, LEVELS).astype(np.int8)
    return code


def squared_length(dim: int) -> float:
    """About the inner product of codes with themselves."""
    return float((LEVELS / WIDEST) ** 2 * dim)


@lru_cache(maxsize=4)
def rotation(dim: int) -> NDArray[np.float32]:
    """A rotation, the same on every machine: float32 (dim, dim)."""
    square = np.random.default_rng(SEED).normal(size=(dim, dim))
    found, triangle = np.linalg.qr(square)
    signs = np.where(np.diag(triangle) < 0, -1.0, 1.0)  # else they are up to the library
    turned: NDArray[np.float32] = (found * signs).astype(np.float32)
    return turned


@lru_cache(maxsize=4)
def _transposed(dim: int) -> NDArray[np.float32]:
    return np.ascontiguousarray(rotation(dim).T)
