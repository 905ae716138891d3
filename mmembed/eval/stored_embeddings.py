"""Vectors of a model under test, stored by content, and the numbers of cached and new ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from mmembed.engines import INT8
from mmembed.eval.embedding_cache import Content, EmbeddingCache
from mmembed.models.encoder import EncoderFacts

FOLDER = "eval"
"""The folder of the vectors, in the data folder."""

Progress = Callable[[str, int, int, int], None]
"""Called with the kind of inputs (images, texts, labels), and with the numbers of finished, all and
failed ones."""


@dataclass
class Counts:
    """The numbers of cached and embedded vectors of one kind of content."""

    from_cache: int = 0
    embedded: int = 0


@dataclass
class StoredEmbeddings:
    """The caches of one model, one for each kind of content. Not for several threads, but `cache`
    of a content that was asked for before."""

    folder: Path | None
    """The data folder; None if nothing is stored."""
    facts: Callable[[], EncoderFacts]
    """The model's; the first call loads it."""
    counts: dict[str, Counts] = field(default_factory=dict)
    _caches: dict[str, EmbeddingCache] = field(default_factory=dict)

    def flush(self) -> None:
        """Store the new vectors."""
        for cache in self._caches.values():
            cache.flush()

    def cache(self, content: Content) -> EmbeddingCache:
        """The vectors of this kind of content."""
        if content not in self._caches:
            facts = self.facts()
            # A new quantisation changes the vectors, but not the engine's name.
            lasting = None if facts.engine == INT8 else self.folder
            folder = None if lasting is None else lasting / FOLDER
            self._caches[content] = EmbeddingCache(
                folder, f"{facts.fingerprint}-{facts.engine}", content, facts.dim
            )
            self.counts[content] = Counts()
        return self._caches[content]
