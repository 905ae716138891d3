"""Embeds texts, and labels as zero-shot classification does."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mmembed.classify import zero_shot
from mmembed.errors import ModelError
from mmembed.eval.embedding_cache import Content, content_key
from mmembed.eval.stored_embeddings import Progress, StoredEmbeddings
from mmembed.ingest.embed_batches import embed_each
from mmembed.models.encoder import Encoder
from mmembed.types import Embedding, Embeddings

TEXTS_AT_ONCE = 256


@dataclass(frozen=True)
class TextStage:
    """From texts to their vectors, with one model."""

    encoder: Encoder
    stored: StoredEmbeddings
    progress: Progress

    def texts(self, texts: Sequence[str]) -> Embeddings:
        """float32 (n, dim), unit-norm; a text that comes twice is embedded once."""
        return self._kept("texts", texts, _text_key, self._embed_texts)

    def labels(self, names: Sequence[str], templates: Sequence[str]) -> Embeddings:
        """float32 (n, dim), unit-norm: each name's prompts as zero-shot classification averages
        them. Raises QueryError for a template without {}."""
        prompts = tuple(templates)

        def embed(some: Sequence[str]) -> Embeddings:
            return zero_shot.label_matrix(self._embed_texts, some, prompts)

        def key(name: str) -> bytes:
            return _text_key(json.dumps([prompts, name]))

        return self._kept("labels", names, key, embed, TEXTS_AT_ONCE // max(1, len(prompts)))

    def _kept(
        self,
        content: Content,
        texts: Sequence[str],
        key_of: Callable[[str], bytes],
        embed: Callable[[Sequence[str]], Embeddings],
        step: int = TEXTS_AT_ONCE,
    ) -> Embeddings:
        cache, step = self.stored.cache(content), max(1, step)
        distinct = dict.fromkeys(texts)
        new = [text for text in distinct if cache.get(key_of(text)) is None]
        self.stored.counts[content].from_cache += len(distinct) - len(new)
        for start in range(0, len(new), step):
            self.progress(content, start, len(new), 0)
            some = new[start : start + step]
            for text, row in zip(some, embed(some), strict=True):
                cache.add(key_of(text), row)
            self.stored.counts[content].embedded += len(some)
        if new:
            self.progress(content, len(new), len(new), 0)
        return _stacked([cache.get(key_of(text)) for text in texts])

    def _embed_texts(self, texts: Sequence[str]) -> Embeddings:
        rows = embed_each(texts, self.encoder.embed_texts)
        for text, row in zip(texts, rows, strict=True):
            if isinstance(row, Exception):
                raise ModelError(
                    f"{self.encoder.facts.name}: cannot embed {text!r}: {row}"
                ) from row
        return _stacked([row for row in rows if not isinstance(row, Exception)])


def _stacked(rows: Sequence[Embedding | None]) -> Embeddings:
    return np.stack([row for row in rows if row is not None])


def _text_key(text: str) -> bytes:
    return content_key(text.encode())
