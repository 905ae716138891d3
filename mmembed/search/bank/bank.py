"""The bank of generic texts, as one model embeds it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mmembed.types import Embeddings

FEW = 3


@dataclass(frozen=True, eq=False)
class Bank:
    """Generic texts and their embeddings by one model.

    A picture v has the cosines `embeddings @ v` with the bank. Their mean is `mean @ v`; their
    variance is `v @ second_moment @ v - (mean @ v) ** 2`.
    """

    texts: tuple[str, ...]
    embeddings: Embeddings
    """float32 (n, dim), unit-norm, in the order of the texts."""

    @cached_property
    def mean(self) -> NDArray[np.float32]:
        """The mean embedding, float32 (dim,); its norm is below 1."""
        return np.asarray(self.embeddings.mean(axis=0, dtype=np.float64), np.float32)

    @cached_property
    def words_mean(self) -> NDArray[np.float32]:
        """The mean embedding of the texts of up to `FEW` words, float32 (dim,); of all texts if
        they are less than a tenth. Sentences pull the mean to where captions of pictures lie."""
        return np.asarray(self.words.mean(axis=0, dtype=np.float64), np.float32)

    @cached_property
    def words(self) -> Embeddings:
        """The embeddings of the texts of up to `FEW` words, float32 (m, dim); of all texts if they
        are less than a tenth."""
        short = np.array([len(text.split()) <= FEW for text in self.texts])
        return self.embeddings[short] if 10 * short.sum() >= len(short) else self.embeddings

    @cached_property
    def second_moment(self) -> NDArray[np.float32]:
        """The mean of the embeddings' outer products, float32 (dim, dim), not centred."""
        rows = self.embeddings.astype(np.float64)
        return np.asarray(rows.T @ rows / len(rows), np.float32)

    @cached_property
    def digest(self) -> str:
        """Hash of the texts; hex."""
        return digest_of(self.texts)


def digest_of(texts: Sequence[str]) -> str:
    """Hash of a bank's texts and their order; hex."""
    # No text holds a line break, so no two lists are joined alike.
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()
