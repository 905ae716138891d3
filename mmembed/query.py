"""Weighted text, image and item terms → one query embedding."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from mmembed.errors import QueryError
from mmembed.types import Embeddings, Term

Embedding = NDArray[np.float32]


def query_embedding(
    terms: Sequence[Term],
    *,
    embed_texts: Callable[[Sequence[str]], Embeddings],
    embed_image: Callable[[bytes], Embedding],
    embedding_of: Callable[[int], Embedding],
) -> Embedding:
    """The unit-norm sum of the terms' unit embeddings times their weights: float32 (dim,).

    A negative weight leads away from a term. Raises QueryError where there is no term, a
    term is not exactly one thing, a weight is not a finite number other than 0, or the terms
    cancel out.
    """
    check_terms(terms)
    texts = [term.text for term in terms if term.text is not None]
    by_text = dict(zip(texts, embed_texts(texts), strict=True)) if texts else {}
    total: NDArray[np.float64] | None = None
    for term in terms:
        if term.text is not None:
            part = by_text[term.text]
        elif term.image is not None:
            part = embed_image(term.image)
        else:
            assert term.item is not None
            part = embedding_of(term.item)
        weighted = part.astype(np.float64) * term.weight
        total = weighted if total is None else total + weighted
    assert total is not None
    norm = float(np.linalg.norm(total))
    if norm < 1e-6:
        raise QueryError("the terms of the query cancel out; change their weights")
    return (total / norm).astype(np.float32)


def check_terms(terms: Sequence[Term]) -> None:
    """Raises QueryError where the terms make no query."""
    if not terms:
        raise QueryError("the query is empty; give words, an image or an item")
    for index, term in enumerate(terms):
        parts = [term.text, term.image, term.item]
        if sum(part is not None for part in parts) != 1:
            raise QueryError(f"query[{index}]: expected exactly one of text, image and item")
        if term.text is not None and not term.text.strip():
            raise QueryError(f"query[{index}]: the text is empty")
        if not math.isfinite(term.weight) or term.weight == 0:
            raise QueryError(f"query[{index}]: weight {term.weight} is not a number other than 0")
