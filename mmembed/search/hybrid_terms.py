"""The terms of a query and a strategy → a search by words, captions and pictures together."""

from __future__ import annotations

from dataclasses import dataclass

from mmembed.filters.tree import Where
from mmembed.search.composition import Composition
from mmembed.search.hybrid import Hybrid
from mmembed.search.hybrid_best import HybridBest, OneTerm
from mmembed.search.hybrid_strategies import Away, HybridExclude, HybridStrategy, HybridSum
from mmembed.search.mixing import mixed
from mmembed.search.modes import words_of
from mmembed.search.ordering import Page, order, unit_rows
from mmembed.search.query_by_words import QueryByWords
from mmembed.store.entries import Found, Place
from mmembed.store.protocol import Store
from mmembed.types import Embedding, Strategy, Term


@dataclass(frozen=True)
class HybridTerms:
    """A query whose terms hold words that are looked for."""

    store: Store
    terms: tuple[Term, ...]
    ranking: Composition
    """The terms as they rank pictures."""
    plain: Composition
    """The terms as they are."""
    strategy: Strategy
    where: Where
    words_only: bool

    def hybrid(self) -> Hybrid:
        """The search. Raises QueryError if the terms cancel out."""
        scored = self.plain if self.strategy == "sum" else self.plain.towards()
        is_best = self.strategy == "best" and len(self.terms) > 1
        return Hybrid(
            self.store,
            self._best() if is_best else self._by_sum(),
            self._behind,
            scored.direction(),
            self.where,
            self.words_only,
        )

    def _by_sum(self) -> HybridStrategy:
        is_sum = self.strategy == "sum" or len(self.terms) == 1
        ranking = self.ranking if is_sum else self.ranking.towards()
        query = self._query(words_of(self.terms), ranking.vector(), self._captions())
        return (HybridSum if is_sum else HybridExclude)(query, self._away())

    def _best(self) -> HybridStrategy:
        wanted = [index for index, term in enumerate(self.terms) if term.weight > 0]
        return HybridBest([self._term(index) for index in wanted], self._away())

    def _term(self, index: int) -> OneTerm:
        term, row = self.terms[index], unit_rows(self.ranking.rows[index : index + 1])[0]
        query = self._query(term.text or "", row, self.plain.rows[index])
        return OneTerm(term.weight, query, term.text is not None)

    def _query(self, text: str, picture: Embedding, caption: Embedding) -> QueryByWords:
        return QueryByWords(self.store, text, picture, caption, self.where, self.words_only)

    def _captions(self) -> Embedding:
        """The direction that ranks captions: of the words, also those that lead away by `sum`."""
        wanted = [term.text is not None and term.weight > 0 for term in self.terms]
        texts = [term.text is not None for term in self.terms]
        words = self.plain.of(texts if self.strategy == "sum" else wanted)
        direction = mixed(list(words.rows), words.weights)
        return self.plain.of(wanted).direction() if direction is None else direction

    def _away(self) -> Away:
        terms = tuple(term for term in self.terms if term.weight < 0)
        return Away(self.store, terms, self.ranking.away())

    def _behind(self, count: int, after: Place) -> Page:
        away = self._away()
        excludes = self.strategy == "exclude" and not self.words_only
        return order(
            self.ranking,
            self.strategy,
            nearest=self._nearest,
            vectors_of=away.vectors_of_unsaid if excludes else self.store.vectors_of,
            chunks_of=self.store.vectors_of,
            count=count,
            after=after,
        )

    def _nearest(self, vector: Embedding, count: int, after: Place | None) -> Found:
        return self.store.search(vector, count, self.where, kind="image", after=after)
