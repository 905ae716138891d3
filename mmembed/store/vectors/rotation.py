"""float32 vectors → int8 codes with nearly the same cosines, for cells.

A few directions of embeddings are many times wider than the others. The first numbers of a code are
for these, so they alone say nearly how like two vectors are. Random rotations spread the first
numbers alike, and the others: each uses all levels of int8. The whole rotation keeps every cosine.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numkong
import numpy as np
from numpy.typing import NDArray

from mmembed.store.vectors.int8_codes import Codes
from mmembed.store.vectors.rescoring import Rows

LEVELS = 127
SEED = 7
WIDEST = 4.2
"""The largest level stands for so many standard deviations; few numbers are beyond."""
LEADING = 96
"""The first numbers of a code, for the widest directions. Of vectors with 512 numbers, they hold
nearly nine tenths of the squared length. numkong pads rows of 128 bytes and not these."""


class Rotation:
    """Turns vectors into codes."""

    def __init__(self, axes: NDArray[np.float32]) -> None:
        """axes: float32 (dim, dim), orthogonal: for each number of a code, the direction that it
        measures. All have the length that makes levels of them."""
        self.axes = axes

    @classmethod
    def of(cls, rows: Rows) -> Rotation:
        """The one that suits float32 (n, dim) vectors like these, unit-norm."""
        lead = min(LEADING, rows.shape[1])
        _, directions = np.linalg.eigh((rows.T @ rows).astype(np.float64))
        by_width = directions[:, ::-1].T
        axes = np.concatenate([_mixed(by_width[:lead]), _mixed(by_width[lead:])])
        # A vector may lie in the leading directions alone, and is spread over these.
        return cls((axes * (LEVELS / WIDEST * lead**0.5)).astype(np.float32))

    @property
    def dim(self) -> int:
        """Numbers of a vector, and of a code."""
        return len(self.axes)

    @property
    def lead(self) -> int:
        """The first numbers of a code that nearly say how like vectors are."""
        return min(LEADING, self.dim)

    @cached_property
    def squared_length(self) -> float:
        """About the inner product of a code with itself."""
        return float((self.axes.astype(np.float64) ** 2).sum() / self.dim)

    @cached_property
    def _packed(self) -> Any:
        return numkong.dots_pack(self.axes)

    def codes_of(self, rows: Rows) -> Codes:
        """float32 (n, dim), none 0 → int8 (n, dim), of nearly equal lengths: their inner products
        rank as cosines do, and take less time."""
        return self._rounded(rows @ self.axes.T)

    def code_of(self, query: NDArray[np.float32]) -> Codes:
        """The same of one vector: float32 (dim,) → int8 (dim,). Without NumPy's matrix product,
        whose threads wait for each other where many queries come at once."""
        if not self.dim:
            return np.empty(0, np.int8)
        turned: Any = numkong.dots_packed(np.ascontiguousarray(query)[None], self._packed)
        code: Codes = self._rounded(np.asarray(turned))[0]
        return code

    def _rounded(self, turned: NDArray[Any]) -> Codes:
        lengths = np.linalg.norm(turned, axis=1, keepdims=True)
        turned = turned * (self.squared_length**0.5 / lengths)
        codes: Codes = np.rint(turned).clip(-LEVELS, LEVELS).astype(np.int8)
        return codes


def _mixed(directions: NDArray[np.float64]) -> NDArray[np.float64]:
    """As many orthogonal directions in the same space, all about equally wide: (m, dim)."""
    if not len(directions):
        return directions
    square = np.random.default_rng(SEED).normal(size=(len(directions), len(directions)))
    found, triangle = np.linalg.qr(square)
    signs = np.where(np.diag(triangle) < 0, -1.0, 1.0)  # else they are up to the library
    mixed: NDArray[np.float64] = (found * signs).T @ directions
    return mixed
