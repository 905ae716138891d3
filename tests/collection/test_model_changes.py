"""Another process has another model serve while a search is on its way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from mmembed.collection.collection import Collection
from mmembed.errors import ModelMismatch
from mmembed.ingest import Report
from mmembed.store.entries import Model
from mmembed.types import Term
from tests.folder_store import folder_store

OTHER = Model("other", "fingerprint of another one", 2)


def serve_another(collection: Collection) -> None:
    store = collection.store
    contents = [item.sha256 for item in collection.items(limit=9, kind="image")]
    rows = {sha256: np.array((1, n), np.float32) for n, sha256 in enumerate(contents)}
    store.add_embeddings("image", rows, OTHER)
    store.serve(OTHER)


@pytest.mark.parametrize("mode", ["picture", "hybrid", "words"])
def test_a_model_that_changes_during_a_search_is_told(
    collection: Collection, index: Callable[..., Report], picture: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch, mode: Any,
) -> None:  # fmt: skip
    for colour in ("red", "blue"):
        picture(f"{colour}.png", colour)
    index()
    collection.search([Term(text="red")], mode=mode)
    store = folder_store(collection)
    name = {"picture": "search", "hybrid": "match_words", "words": "match_words"}[mode]
    compare = getattr(store, name)

    def compared_later(*arguments: Any, **keywords: Any) -> Any:
        if store.model() != OTHER:
            serve_another(collection)
        return compare(*arguments, **keywords)

    monkeypatch.setattr(store, name, compared_later)
    with pytest.raises(ModelMismatch, match="was meanwhile built with other"):
        collection.search([Term(text="red")], mode=mode)
