"""The looks of words in pictures, as far as they were learned from labelled pictures for a model.

A small model places a bare word such as "dog" near few of the pictures that show it. For the words
that people often ask for, a better direction is known: that which tells labelled pictures with the
word from the others. So a text q is shifted by Σ k(q, w)·shift of w, where k falls from 1, for the
word itself, to 0 for words that mean something else. Texts far from all these words stay as they
are.

`training/learned_words.py` makes the file of the bundled model. It is a cache of labelled pictures
beside the model, as in Tip-Adapter (Zhang et al., ECCV 2022, arXiv 2111.03930), with the words as
keys.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from mmembed.types import Embedding, Embeddings

log = logging.getLogger(__name__)

FILE = Path(__file__).parents[1] / "bundled" / "learned_words.npz"
WIDTH = 0.1
"""Of the kernel: at a cosine of 1 − WIDTH it has fallen to a third."""
FAR = 0.3
"""Cosine from the centre up to which a word gives nothing: less than a thousandth of its shift."""
_SMALLEST = 1e-6
_ARRAYS = "centre", "keys", "shifts"


@dataclass(frozen=True, eq=False)
class LearnedWords:
    """The known words of one model."""

    centre: Embedding
    """Mean embedding of the words, float32 (dim,)."""
    keys: Embeddings
    """Directions of the words from the centre, float32 (n, dim), unit-norm."""
    shifts: Embeddings
    """The shift of each word, float32 (n, dim); in the unit of embeddings."""

    def shift_of(self, text: Embedding) -> Embedding:
        """The shift of a text, float32 (dim,), unit-norm → float32 (dim,)."""
        from_centre = text - self.centre
        length = max(float(np.linalg.norm(from_centre)), _SMALLEST)
        # einsum uses no threads of BLAS, which wait for each other while others are at work
        cosines = np.einsum("nd,d->n", self.keys, from_centre / np.float32(length))
        near = np.flatnonzero(cosines > FAR)
        return np.asarray(
            np.einsum("n,nd->d", kernel(cosines[near]), self.shifts[near]), np.float32
        )


def kernel(cosines: Embeddings) -> Embeddings:
    """How much of a word's shift a text takes, by their cosine from the centre; float32."""
    return np.asarray(np.exp((cosines - np.float32(1)) / np.float32(WIDTH)), np.float32)


@lru_cache(maxsize=1)
def _stored(path: Path) -> tuple[str, LearnedWords] | None:
    """The fingerprint of the model of a file, and its words; None without the file, or if it is
    damaged."""
    try:
        with path.open("rb") as file, np.load(file) as stored:
            centre, keys, shifts = (stored[name].astype(np.float32) for name in _ARRAYS)
            return str(stored["fingerprint"]), LearnedWords(centre, keys, shifts)
    except FileNotFoundError:
        return None
    except (OSError, EOFError, ValueError, KeyError, BadZipFile) as error:
        log.warning("%s: cannot be read (%s); reinstall mmembed to find words better", path, error)
        return None


def learned_words(fingerprint: str) -> LearnedWords | None:
    """The known words of a model, by its fingerprint; None for a model without any."""
    stored = _stored(FILE)
    return stored[1] if stored and stored[0] == fingerprint else None


def write_words(path: Path, fingerprint: str, texts: list[str], words: LearnedWords) -> None:
    """Write the file of a model, in float16. texts: the words, for people who look into it."""
    arrays = {name: getattr(words, name).astype(np.float16) for name in _ARRAYS}
    np.savez(path, fingerprint=fingerprint, words=np.array(texts), **arrays)
