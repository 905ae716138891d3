"""Text, image and item terms → their embeddings."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from mmembed.errors import QueryError
from mmembed.item_failures import blaming
from mmembed.types import NEGATIVE_WEIGHT, Embedding, Embeddings, Term


def term_embeddings(
    terms: Sequence[Term],
    *,
    embed_texts: Callable[[Sequence[str]], Embeddings],
    embed_image: Callable[[bytes], Embedding],
    embedding_of: Callable[[int], Embedding],
) -> Embeddings:
    """The embedding of each term: float32 (n, dim), unit-norm.

    Raises QueryError if there is no term, or a term is not exactly one thing. Also if a weight is 0
    or not finite. Raises ProcessingError if the work of a term fails.
    """
    check_terms(terms)
    texts = [term.text for term in terms if term.text is not None]
    by_text = dict(zip(texts, embed_texts(texts), strict=True)) if texts else {}
    rows = []
    for index, term in enumerate(terms):
        with blaming(term.name or f"query[{index}]"):
            rows.append(_part(term, by_text, embed_image, embedding_of))
    return np.stack(rows)


def terms_like(like: Sequence[int], unlike: Sequence[int]) -> list[Term]:
    """The terms of a search for items like some and unlike others, by their ids. Raises QueryError
    if an item is among both."""
    if both := sorted(set(like) & set(unlike)):
        raise QueryError(f"unlike: item {both[0]} is in like, too; give it once", param="unlike")
    towards = [Term(item=item, name=f"like[{index}]") for index, item in enumerate(like)]
    away = [
        Term(item=item, weight=NEGATIVE_WEIGHT, name=f"unlike[{index}]")
        for index, item in enumerate(unlike)
    ]
    return towards + away


def _part(
    term: Term,
    by_text: Mapping[str, Embedding],
    embed_image: Callable[[bytes], Embedding],
    embedding_of: Callable[[int], Embedding],
) -> Embedding:
    if term.text is not None:
        return by_text[term.text]
    if term.image is not None:
        return embed_image(term.image)
    assert term.item is not None
    return embedding_of(term.item)


def check_terms(terms: Sequence[Term]) -> None:
    """Raises QueryError if the terms make no query."""
    if not terms:
        raise QueryError("the query is empty; give words, an image or an item")
    for index, term in enumerate(terms):
        name = term.name or f"query[{index}]"
        parts = [term.text, term.image, term.item]
        if sum(part is not None for part in parts) != 1:
            raise QueryError(f"{name}: expected exactly one of text, image and item")
        if term.text is not None and not term.text.strip():
            raise QueryError(f"{name}: the text is empty")
        if not math.isfinite(term.weight) or term.weight == 0:
            raise QueryError(f"{name}: weight {term.weight} is not a number other than 0")
