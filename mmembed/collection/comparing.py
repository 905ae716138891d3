"""Compares inputs of a request with each other: texts, pictures and items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from mmembed.collection.folder_model import Binding
from mmembed.explore.compare.comparison import (
    MEANINGS,
    WORD_MEASURES,
    ComparedInput,
    InputComparison,
    check_count,
    compare,
)
from mmembed.explore.compare.lessons import lessons
from mmembed.models.inputs import ImageInput
from mmembed.models.registry import ServedModels
from mmembed.search.query import term_embeddings
from mmembed.store.protocol import Store
from mmembed.types import Term

__all__ = [
    "MEANINGS",
    "WORD_MEASURES",
    "Comparing",
    "InputComparison",
    "check_count",
    "comparison_json",
]


class Comparing:
    """The part of a Collection that compares inputs."""

    store: Store
    binding: Binding
    _models: ServedModels

    def compare(self, inputs: Sequence[Term], model: str | None = None) -> InputComparison:
        """How alike inputs are, each with each; every input has a name. A caption of the collection
        counts as a text. Raises QueryError, LimitError, ImageError, NotFound, ProcessingError."""
        check_count(len(inputs))
        embedder = self._models.find(model)
        images = iter([one.name or "an image" for one in inputs if one.image is not None])
        names = [one.name or "a text" for one in inputs if one.text is not None]
        with self.binding.unchanged():
            rows = term_embeddings(
                [replace(one, weight=1.0) for one in inputs],
                embed_texts=lambda some: embedder.all_texts(names, some),
                embed_image=lambda data: embedder.image(ImageInput(next(images), data)),
                embedding_of=lambda item: embedder.image(ImageInput(f"item {item}", item=item)),
            )
            return compare([self._compared(one) for one in inputs], rows)

    def _compared(self, given: Term) -> ComparedInput:
        name = given.name or ""
        if given.item is None:
            return ComparedInput(name, given.text)
        item = self.store.item(given.item)
        return ComparedInput(name, item.caption if item.kind == "caption" else None)


def comparison_json(comparison: InputComparison) -> dict[str, Any]:
    """A comparison as the command line and HTTP answer it."""
    return {
        "inputs": [
            {"index": index, "name": one.name, "text": one.text}
            for index, one in enumerate(comparison.inputs)
        ],
        "cosine": comparison.cosine.tolist(),
        "euclidean": comparison.euclidean.tolist(),
        "texts": list(comparison.texts),
        **{name: comparison.by_words[name].tolist() for name in WORD_MEASURES},
        "meanings": dict(MEANINGS),
        "notes": list(lessons(comparison)),
    }
