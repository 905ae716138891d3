"""Composes the stages of a search: terms → ranking vector → ranked items → a page of hits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from mmembed.collection.fitting import Asked, Fitting
from mmembed.collection.folder_model import Binding
from mmembed.errors import QueryError
from mmembed.filters.tree import EVERYTHING, Where
from mmembed.item_failures import blaming
from mmembed.models.inputs import Embedder, ImageInput
from mmembed.search import paging
from mmembed.search.calibration import BACKGROUND_SIZE, background
from mmembed.search.composition import Composition, backgrounds
from mmembed.search.looking_further import first_hits, page_above
from mmembed.search.match import JUDGED
from mmembed.search.missing_fields import notes_on_missing_fields
from mmembed.search.negations import note_on_negation
from mmembed.search.ordering import Page, order, unit_rows
from mmembed.search.paging import Cursor
from mmembed.search.query import term_embeddings
from mmembed.store.entries import Found, Place
from mmembed.store.protocol import Store
from mmembed.types import (
    Background,
    Embedding,
    Embeddings,
    Hit,
    Kind,
    SearchPage,
    Strategy,
    Term,
)


class Searching:
    """Searches one collection. Methods may be called from any thread."""

    def __init__(
        self, store: Store, embedder: Embedder, binding: Binding, fitting: Fitting
    ) -> None:
        """embedder: the collection's model, which embeds the terms. binding: gives the embeddings
        of items. fitting: judges the hits."""
        self._store = store
        self._embedder = embedder
        self._binding = binding
        self._fitting = fitting

    def search(
        self,
        terms: Sequence[Term],
        *,
        k: int,
        kind: Kind,
        cursor: str | None,
        where: Where,
        strategy: Strategy,
        min_relevance: float,
    ) -> SearchPage:
        """See Collection.search, which calls it."""
        if not 0 <= min_relevance <= 1:  # also where it is no number
            raise QueryError(f"min_relevance {min_relevance}: expected 0 to 1")
        asked = Asked(terms, self._embeddings(terms), kind, filtered=where != EVERYTHING)
        self._binding.check_folder()

        def page_of(count: int, after: str | None) -> SearchPage:
            page = self._page(asked, count, after, where, strategy)
            return self._fitting.judged(page, asked, first=after is None)

        if cursor or kind != "image":
            return page_above(min_relevance, page_of, k, cursor)
        first = page_of(max(k, JUDGED), None)
        if min_relevance > 0:
            return replace(page_above(min_relevance, page_of, k, None), match=first.match)
        return first_hits(k, first, page_of)

    def _page(
        self, asked: Asked, k: int, cursor: str | None, where: Where, strategy: Strategy
    ) -> SearchPage:
        terms, rows, kind = asked.terms, asked.rows, asked.kind
        query = self._hash(terms, kind, where, strategy)
        begun = paging.read(cursor, query, len(terms)) if cursor else None
        notes = self._notes(terms) + self._store.notes()
        usual = begun.usual if begun else self._usual(rows, kind)
        composed = Composition(rows, tuple(term.weight for term in terms), usual)
        page = order(
            composed,
            strategy,
            nearest=partial(self._nearest, kind, where),
            vectors_of=self._store.vectors_of,
            count=k,
            after=begun.place if begun else None,
        )
        notes += notes_on_missing_fields(where, page.items, self._store)
        hits = self._hits(composed, strategy, page, kind)
        return SearchPage(hits, self._next_cursor(page, begun, query, usual), notes)

    def _hash(self, terms: Sequence[Term], *further: object) -> bytes:
        model = self._store.model()
        return paging.query_hash(terms, self._store.identity, model and model.fingerprint, *further)

    def _nearest(
        self, kind: Kind, where: Where, vector: Embedding, count: int, after: Place | None
    ) -> Found:
        return self._store.search(vector, count, where, kind=kind, after=after)

    def _usual(self, rows: Embeddings, kind: Kind) -> tuple[Background, ...]:
        if len(rows) == 1:
            return (Background(0.0, 1.0),)  # one term ranks by its cosine
        return backgrounds(rows, self._store.sample(kind, BACKGROUND_SIZE))

    def _next_cursor(
        self, page: Page, begun: Cursor | None, asked: bytes, usual: tuple[Background, ...]
    ) -> str | None:
        if page.end is None:
            return None
        newest = begun.place.newest if begun else self._store.newest_item()
        return paging.written(Cursor(asked, replace(page.end, newest=newest), usual))

    def _embeddings(self, terms: Sequence[Term]) -> Embeddings:
        """float32 (n, dim), unit-norm. Raises QueryError, ImageError, NotFound, ProcessingError."""
        names = [term.name or f"query[{index}]" for index, term in enumerate(terms)]
        texts = [name for name, term in zip(names, terms, strict=True) if term.text is not None]
        images = iter(
            term.name or f"{name}.image, the query image"
            for name, term in zip(names, terms, strict=True)
            if term.image is not None
        )
        return term_embeddings(
            terms,
            embed_texts=lambda some: self._embedder.all_texts(texts, some),
            embed_image=lambda data: self._embedder.image(ImageInput(next(images), data)),
            embedding_of=self._binding.item,
        )

    def _hits(
        self, composed: Composition, strategy: Strategy, page: Page, kind: Kind
    ) -> tuple[Hit, ...]:
        """Scores are cosines with the sum of the terms as they are; for other strategies than
        `sum`, of the positive terms."""
        if not page.items:
            return ()
        direction = (composed if strategy == "sum" else composed.towards()).direction()
        usual = background(direction, self._store.sample(kind, BACKGROUND_SIZE))
        if len(composed.weights) == 1:
            scores = dict(zip((item.id for item in page.items), page.values, strict=True))
        else:
            ids, stored = self._store.vectors_of([item.id for item in page.items])
            cosines = np.round(unit_rows(stored).astype(np.float64) @ direction, 6)
            scores = dict(zip(ids, cosines.tolist(), strict=True))
        present = [(item, scores[item.id]) for item in page.items if item.id in scores]
        return tuple(Hit(item, score, usual.relevance(score)) for item, score in present)

    def _notes(self, terms: Sequence[Term]) -> tuple[str, ...]:
        windows = []
        for index, term in enumerate(terms):
            if term.text is not None:
                with blaming(f"query[{index}]"):
                    windows.append(self._embedder.encoder.count_windows(term.text))
        negations = (
            [note_on_negation(term.text) for term in terms if term.text is not None]
            if len(terms) == 1
            else []
        )
        return tuple(filter(None, negations)) + tuple(
            f"The text is longer than the {self._embedder.facts.context_length} tokens that the "
            f"model reads at once: the answer averages its {count} parts."
            for count in windows
            if count > 1
        )
