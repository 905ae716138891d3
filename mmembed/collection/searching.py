"""Composes the stages of a search: terms → ranking vector → ranked items → a page of hits."""

from __future__ import annotations

from collections.abc import Sequence

from mmembed.collection.folder_model import Binding
from mmembed.filters.tree import Where
from mmembed.item_failures import blaming
from mmembed.models.inputs import Embedder, ImageInput
from mmembed.search.calibration import BACKGROUND_SIZE, background
from mmembed.search.missing_fields import notes_on_missing_fields
from mmembed.search.paging import next_cursor, place_of
from mmembed.search.query import query_embedding
from mmembed.store.entries import Found
from mmembed.store.protocol import Store
from mmembed.types import Embedding, Hit, Kind, SearchPage, Term


class Searching:
    """Searches one collection. Methods may be called from any thread."""

    def __init__(self, store: Store, embedder: Embedder, binding: Binding) -> None:
        """embedder: the collection's model, which embeds the terms. binding: gives the embeddings
        of items."""
        self._store = store
        self._embedder = embedder
        self._binding = binding

    def search(
        self, terms: Sequence[Term], *, k: int, kind: Kind, cursor: str | None, where: Where
    ) -> SearchPage:
        """See Collection.search, which calls it."""
        after = place_of(cursor) if cursor else None
        query = self._query_embedding(terms)
        notes = self._notes(terms) + self._store.notes()
        self._binding.check_folder()
        found = self._store.search(query, k, where, kind=kind, after=after)
        notes += notes_on_missing_fields(where, found, self._store)
        return SearchPage(self._hits(query, found, kind), next_cursor(found, after), notes)

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
        return tuple(Hit(item, score, usual.relevance(score)) for item, score in found.hits)

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
