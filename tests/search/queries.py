"""Searches by words whose embeddings are given."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmembed.filters.tree import EVERYTHING, Where
from mmembed.search.composition import Composition, backgrounds
from mmembed.search.hybrid import Hybrid
from mmembed.search.hybrid_terms import HybridTerms
from mmembed.search.ordering import unit_rows
from mmembed.store.protocol import Store
from mmembed.types import Background, Embedding, Strategy, Term

ALONE = Background(0.0, 1.0)


def by_terms(
    store: Store,
    terms: Sequence[Term],
    rows: Sequence[Embedding],
    *,
    strategy: Strategy = "sum",
    where: Where = EVERYTHING,
    words_only: bool = False,
) -> Hybrid:
    """A search by these terms. rows: their embeddings, of any length but zero."""
    embeddings = unit_rows(np.stack(rows))
    several = len(terms) > 1
    usual = backgrounds(embeddings, store.sample("image", 1024)) if several else (ALONE,)
    composed = Composition(embeddings, tuple(term.weight for term in terms), usual)
    return HybridTerms(
        store, tuple(terms), composed, composed, strategy, where, words_only
    ).hybrid()


def by_words(
    store: Store,
    text: str,
    row: Embedding,
    *,
    where: Where = EVERYTHING,
    words_only: bool = False,
) -> Hybrid:
    """A search by words alone in the query."""
    return by_terms(store, [Term(text=text)], [row], where=where, words_only=words_only)
