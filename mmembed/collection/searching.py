"""Composes the stages of a search: terms → ranking vector → ranked items → a page of hits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from mmembed.collection.bank_of_model import ModelBank
from mmembed.collection.folder_model import Binding
from mmembed.filters.tree import Where
from mmembed.item_failures import blaming
from mmembed.models.inputs import Embedder, ImageInput
from mmembed.search import paging
from mmembed.search.bank.bank import Bank
from mmembed.search.calibration import BACKGROUND_SIZE, background
from mmembed.search.chunk_vectors import vectors_by_chunk
from mmembed.search.composition import Composition, backgrounds
from mmembed.search.fusion import MOST_BY_WORDS
from mmembed.search.hub_correction import corrected
from mmembed.search.hybrid import FusedPage, Hybrid
from mmembed.search.hybrid_terms import HybridTerms
from mmembed.search.learned_words import LearnedWords, learned_words
from mmembed.search.missing_fields import notes_on_missing_fields
from mmembed.search.modes import mode_of
from mmembed.search.negations import note_on_negation
from mmembed.search.ordering import Page, order, unit_rows
from mmembed.search.paging import Cursor
from mmembed.search.query import term_embeddings
from mmembed.search.query_by_words import picture_evidence
from mmembed.store.entries import Found, Place
from mmembed.store.protocol import Store
from mmembed.types import (
    Background,
    Embedding,
    Embeddings,
    Hit,
    Kind,
    SearchMode,
    SearchPage,
    Strategy,
    Term,
)

NOT_YET = (
    "The bank of texts is being embedded, once for this model. Until then pictures that resemble "
    "every text may come first."
)
NOWHERE = Place(0.0, 0, 0)
MANY = f"The {MOST_BY_WORDS} best of many matches are listed; say more words."


@dataclass(frozen=True)
class _Hashes:
    """Of a query, as cursors carry them."""

    plain: bytes
    """Of one that ranks by its terms as they are."""
    corrected: bytes
    """Of one that the bank corrects."""


class Searching:
    """Searches one collection. Methods may be called from any thread."""

    def __init__(self, store: Store, embedder: Embedder, binding: Binding, bank: ModelBank) -> None:
        """embedder: the collection's model, which embeds the terms. binding: gives the embeddings
        of items. bank: of the same model."""
        self._store = store
        self._embedder = embedder
        self._binding = binding
        self._bank = bank

    def page(
        self,
        terms: Sequence[Term],
        plain: Embeddings,
        *,
        k: int,
        kind: Kind,
        cursor: str | None,
        where: Where,
        strategy: Strategy,
        mode: SearchMode | None,
    ) -> SearchPage:
        """The next items of a query in their order, not yet judged; see Collection.search. plain:
        the terms' `embeddings`."""
        chosen = mode_of(terms, kind, strategy, mode)
        asked = self._hashes(terms, kind, where, strategy, chosen)
        begun = paging.read(cursor, (asked.plain, asked.corrected), len(terms)) if cursor else None
        notes = self._notes(terms) + self._store.notes()
        bank = self._bank_for(terms, kind, begun, asked)
        if bank is None and begun is None and self._is_correctable(terms, kind):
            notes += (NOT_YET,) if self._bank.awaited else ()
        rows = plain if bank is None else self._corrected(plain, terms, bank)
        usual = begun.usual if begun else self._usual(rows, kind)
        weights = tuple(term.weight for term in terms)
        query = asked.plain if bank is None else asked.corrected
        composed = Composition(rows, weights, usual)
        if chosen != "picture":
            hybrid = HybridTerms(
                self._store,
                tuple(terms),
                composed,
                Composition(plain, weights, usual),
                strategy,
                where,
                words_only=chosen == "words",
            ).hybrid()
            return self._by_words(hybrid, k, Cursor(query, NOWHERE, usual), begun, notes)
        page = order(
            composed,
            strategy,
            nearest=partial(self._nearest, kind, where),
            vectors_of=self._store.vectors_of,
            chunks_of=partial(vectors_by_chunk, self._store),
            count=k,
            after=begun.place if begun else None,
        )
        notes += notes_on_missing_fields(where, bool(page.items), self._store)
        hits = self._hits(Composition(plain, weights, usual), bank is None, strategy, page, kind)
        return SearchPage(hits, self._next_cursor(page, begun, query, usual), notes)

    def _by_words(
        self, hybrid: Hybrid, k: int, cursor: Cursor, begun: Cursor | None, notes: tuple[str, ...]
    ) -> SearchPage:
        """cursor: of the next page, but for its place."""
        page = hybrid.page(k, begun.order if begun else None)
        notes += notes_on_missing_fields(hybrid.where, bool(page.items), self._store)
        if hybrid.words_only and not page.all_listed:
            notes += (MANY,)
        following = replace(cursor, place=page.rest.tail, order=page.rest)
        mode: SearchMode = "words" if hybrid.words_only else "hybrid"
        return SearchPage(
            self._fused_hits(hybrid, page),
            None if page.rest.is_over else paging.written(following),
            notes,
            mode,
            match="yes" if page.is_said else None,
        )

    def _hashes(self, terms: Sequence[Term], *further: object) -> _Hashes:
        model = self._store.model()
        parts = (self._store.identity, model and model.fingerprint, *further)
        by_bank: tuple[object, ...] = (*parts, self._bank.digest)
        if self._learned() is not None:
            by_bank += ("learned words",)
        return _Hashes(paging.query_hash(terms, *parts), paging.query_hash(terms, *by_bank))

    def _bank_for(
        self, terms: Sequence[Term], kind: Kind, begun: Cursor | None, asked: _Hashes
    ) -> Bank | None:
        """The bank that corrects a query; None for a query without words, for captions, and while
        the bank is being embedded. A page keeps the order of its first page."""
        if begun is not None and begun.query == asked.plain:
            return None
        if not self._is_correctable(terms, kind):
            return None
        if begun is not None:
            self._bank.make(lambda done, total, failed: None)
        return self._bank.now()

    @staticmethod
    def _is_correctable(terms: Sequence[Term], kind: Kind) -> bool:
        return kind == "image" and any(term.text is not None for term in terms)

    def _corrected(self, plain: Embeddings, terms: Sequence[Term], bank: Bank) -> Embeddings:
        count = self._embedder.encoder.count_tokens
        tokens = [None if term.text is None else count(term.text) for term in terms]
        return corrected(plain, tokens, bank.words_mean, self._learned())

    def _learned(self) -> LearnedWords | None:
        model = self._store.model()
        return None if model is None else learned_words(model.fingerprint)

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

    def embeddings(self, terms: Sequence[Term]) -> Embeddings:
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
        self, composed: Composition, by_score: bool, strategy: Strategy, page: Page, kind: Kind
    ) -> tuple[Hit, ...]:
        """Scores are cosines with the sum of the terms as they are; for other strategies than
        `sum`, of the positive terms. by_score: whether the cosine with a single term ranked."""
        if not page.items:
            return ()
        direction = (composed if strategy == "sum" else composed.towards()).direction()
        usual = background(direction, self._store.sample(kind, BACKGROUND_SIZE))
        if by_score and len(composed.weights) == 1:
            scores = dict(zip((item.id for item in page.items), page.values, strict=True))
        else:
            ids, stored = self._store.vectors_of([item.id for item in page.items])
            cosines = np.round(unit_rows(stored).astype(np.float64) @ direction, 6)
            scores = dict(zip(ids, cosines.tolist(), strict=True))
        present = [(item, scores[item.id]) for item in page.items if item.id in scores]
        evidence = picture_evidence([score for _, score in present], usual)
        return tuple(
            Hit(item, score, usual.relevance(score), why)
            for (item, score), why in zip(present, evidence, strict=True)
        )

    def _fused_hits(self, hybrid: Hybrid, page: FusedPage) -> tuple[Hit, ...]:
        usual = background(hybrid.score, self._store.sample("image", BACKGROUND_SIZE))
        hits = zip(page.items, page.cosines, page.evidence, strict=True)
        return tuple(Hit(item, score, usual.relevance(score), why) for item, score, why in hits)

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
