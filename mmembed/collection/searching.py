"""Composes the stages of a search: terms → ranking vector → ranked items → a page of hits."""

from __future__ import annotations

from collections.abc import Sequence

from mmembed.collection.folder_model import Binding
from mmembed.filters.tree import Where
from mmembed.item_failures import blaming
from mmembed.models.inputs import Embedder, ImageInput
from mmembed.search import fused_cursors
from mmembed.search.calibration import BACKGROUND_SIZE, background
from mmembed.search.fusion import MOST_BY_WORDS
from mmembed.search.hybrid import Hybrid, picture_evidence
from mmembed.search.missing_fields import notes_on_missing_fields
from mmembed.search.modes import mode_of, words_of
from mmembed.search.paging import next_cursor, place_of
from mmembed.search.query import check_terms, query_embedding
from mmembed.store.entries import Found
from mmembed.store.protocol import Store
from mmembed.types import Embedding, Hit, Kind, SearchMode, SearchPage, Term


class Searching:
    """Searches one collection. Methods may be called from any thread."""

    def __init__(self, store: Store, embedder: Embedder, binding: Binding) -> None:
        """embedder: the collection's model, which embeds the terms. binding: gives the embeddings
        of items."""
        self._store = store
        self._embedder = embedder
        self._binding = binding

    def search(
        self,
        terms: Sequence[Term],
        *,
        k: int,
        kind: Kind,
        cursor: str | None,
        where: Where,
        mode: SearchMode | None,
    ) -> SearchPage:
        """See Collection.search, which calls it."""
        check_terms(terms)
        chosen = mode_of(terms, kind, mode)
        after = place_of(cursor) if cursor and chosen == "picture" else None
        query = self._query_embedding(terms)
        notes = self._notes(terms) + self._store.notes()
        self._binding.check_folder()
        if chosen != "picture":
            hybrid = Hybrid(self._store, words_of(terms), query, query, where, chosen == "words")
            return self._by_words(hybrid, k, cursor, notes, chosen)
        found = self._store.search(query, k, where, kind=kind, after=after)
        notes += notes_on_missing_fields(where, found, self._store)
        return SearchPage(self._hits(query, found, kind), next_cursor(found, after), notes)

    def _by_words(
        self,
        hybrid: Hybrid,
        k: int,
        cursor: str | None,
        notes: tuple[str, ...],
        mode: SearchMode,
    ) -> SearchPage:
        before = fused_cursors.read(cursor, hybrid.key) if cursor else None
        page = hybrid.page(k, before)
        usual = background(hybrid.caption, self._store.sample("image", BACKGROUND_SIZE))
        hits = tuple(
            Hit(item, score, usual.relevance(score), evidence)
            for item, score, evidence in zip(page.items, page.cosines, page.evidence, strict=True)
        )
        found = Found(tuple((hit.item, hit.score) for hit in hits), complete=page.rest.is_over)
        notes += notes_on_missing_fields(hybrid.where, found, self._store)
        if mode == "words" and not page.all_listed:
            notes += (f"The {MOST_BY_WORDS} best of many matches are listed; say more words.",)
        rest = None if page.rest.is_over else fused_cursors.written(page.rest, hybrid.key)
        return SearchPage(hits, rest, notes, mode)

    def _query_embedding(self, terms: Sequence[Term]) -> Embedding:
        """float32 (dim,), unit-norm. Raises QueryError, ImageError, NotFound, ProcessingError."""
        names = [term.name or f"query[{index}]" for index, term in enumerate(terms)]
        texts = [name for name, term in zip(names, terms, strict=True) if term.text is not None]
        images = iter(
            term.name or f"{name}.image, the query image"
            for name, term in zip(names, terms, strict=True)
            if term.image is not None
        )
        return query_embedding(
            terms,
            embed_texts=lambda some: self._embedder.all_texts(texts, some),
            embed_image=lambda data: self._embedder.image(ImageInput(next(images), data)),
            embedding_of=self._binding.item,
        )

    def _hits(self, query: Embedding, found: Found, kind: Kind) -> tuple[Hit, ...]:
        usual = background(query, self._store.sample(kind, BACKGROUND_SIZE))
        return tuple(
            Hit(item, score, usual.relevance(score), picture_evidence(score, usual))
            for item, score in found.hits
        )

    def _notes(self, terms: Sequence[Term]) -> tuple[str, ...]:
        windows = []
        for index, term in enumerate(terms):
            if term.text is not None:
                with blaming(f"query[{index}]"):
                    windows.append(self._embedder.encoder.count_windows(term.text))
        return tuple(
            f"The text is longer than the {self._embedder.facts.context_length} tokens that the "
            f"model reads at once: the answer averages its {count} parts."
            for count in windows
            if count > 1
        )
