"""Vectors of two models lie in one folder; one of them serves, then the other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmembed.errors import ModelMismatch, NotFound, Unstorable
from mmembed.store.entries import CaptionEntry, ImageEntry, Model
from mmembed.store.index_sync import IndexSync
from mmembed.store.sqlite import Catalog
from mmembed.types import Kind

Entry = Callable[..., ImageEntry]
OpenCatalog = Callable[[], Catalog]
FOUR = Model("four", "fingerprint-of-four", 4)
TWO = Model("two", "fingerprint-of-two", 2)


def row(*numbers: float) -> Any:
    return np.asarray(numbers, dtype=np.float32)


@pytest.fixture
def filled(catalog: Catalog, entry: Entry) -> Catalog:
    """Three images, of which two have one content, and a caption; all have vectors of `four`."""
    words = CaptionEntry("words", row(0, 0, 0, 1))
    catalog.write(
        [
            entry("/a.jpg", (1, 0, 0, 0), sha256="aa", captions=(words,)),
            entry("/copy of a.jpg", None, sha256="aa"),
            entry("/b.jpg", (0, 1, 0, 0), sha256="bb"),
        ]
    )
    return catalog


def embed_with_two(catalog: Catalog) -> None:
    """Give every content a vector of `two`: for `two`, b is on the right and a above."""
    catalog.add_embeddings("image", {"aa": row(0, 1), "bb": row(1, 0)}, TWO)
    catalog.add_embeddings("caption", {CaptionEntry("words", None).sha256: row(1, 1)}, TWO)


def nearest(views: IndexSync, kind: Kind, *query: float) -> list[int]:
    """Ids of vectors, the nearest first."""
    view = views.view(kind)
    assert view is not None
    return [int(vector_id) for vector_id in view.search(row(*query), 9).ids]


def paths(catalog: Catalog, vector_ids: list[int]) -> list[list[str | None]]:
    items = catalog.items_of_vectors(vector_ids)
    return [[item.path for item in items[vector_id]] for vector_id in vector_ids]


@pytest.mark.parametrize("exact_limit", [100, 1])
def test_the_first_model_serves_and_then_the_second(filled: Catalog, exact_limit: int) -> None:
    views = IndexSync(filled, exact_limit=exact_limit)
    views.publish()
    of_a, of_b = ["/a.jpg", "/copy of a.jpg"], ["/b.jpg"]
    assert paths(filled, nearest(views, "image", 1, 0, 0, 0)) == [of_a, of_b]
    embed_with_two(filled)
    assert filled.models() == [FOUR, TWO]
    assert filled.model() == FOUR
    assert paths(filled, nearest(views, "image", 1, 0, 0, 0)) == [of_a, of_b]
    filled.serve(TWO)
    assert filled.model() == TWO
    assert paths(filled, nearest(views, "image", 1, 0)) == [of_b, of_a]
    assert filled.vector_of(1).tolist() == [0, 1]
    views.publish()
    other = IndexSync(filled, exact_limit=exact_limit)
    assert paths(filled, nearest(other, "image", 1, 0)) == [of_b, of_a]
    assert filled.check() == []
    filled.serve(FOUR)
    assert paths(filled, nearest(views, "image", 1, 0, 0, 0)) == [of_a, of_b]
    assert paths(filled, nearest(views, "caption", 0, 0, 0, 1)) == [of_a[:1]]


def test_another_process_follows_the_model_that_serves(
    filled: Catalog, open_catalog: OpenCatalog
) -> None:
    views = IndexSync(open_catalog(), exact_limit=100)
    nearest(views, "image", 1, 0, 0, 0)
    embed_with_two(filled)
    filled.serve(TWO)
    assert len(nearest(views, "image", 1, 0)) == 2


def test_each_model_has_its_own_vectors_and_changes(filled: Catalog) -> None:
    before = filled.last_change()
    embed_with_two(filled)
    assert filled.changes("image", before, filled.last_change()) == ([], [])
    added, removed = filled.changes("image", before, filled.last_change(), TWO)
    assert (len(added), removed) == (2, [])
    assert filled.extent("image")[1] == filled.extent("image", TWO)[1] == 2
    [(ids, vectors)] = filled.all_embeddings("image", model=TWO)
    assert (ids, vectors.tolist()) == (added, [[0, 1], [1, 0]])
    assert {k: v.tolist() for k, v in filled.embeddings_of("image", ["bb"], TWO).items()} == {
        "bb": [1, 0]
    }
    assert filled.embeddings_of("image", ["bb"])["bb"].tolist() == [0, 1, 0, 0]


def test_equal_vectors_of_two_models_are_two_rows(filled: Catalog) -> None:
    other = Model("other", "fingerprint-of-other", 4)
    filled.add_embeddings("image", {"aa": row(1, 0, 0, 0), "bb": row(1, 0, 0, 0)}, other)
    assert filled.extent("image", other)[1] == 1
    ids = [known.id for known in filled.known_files().values()]
    filled.remove(ids[:2])
    assert filled.extent("image", other)[1] == 1
    filled.remove(ids[2:])
    assert filled.extent("image", other)[1] == 0
    assert filled.check() == []


def test_what_a_model_lacks_is_listed_page_by_page(filled: Catalog) -> None:
    assert filled.contents_without("image", TWO, 9) == ["aa", "bb"]
    assert filled.contents_without("image", TWO, 1) == ["aa"]
    assert filled.contents_without("image", TWO, 1, after="aa") == ["bb"]
    assert filled.contents_without("image", FOUR, 9) == []
    filled.add_embeddings("image", {"aa": row(0, 1)}, TWO)
    assert filled.contents_without("image", TWO, 9) == ["bb"]


def test_a_model_serves_only_with_all_vectors(filled: Catalog) -> None:
    filled.add_embeddings("image", {"aa": row(0, 1)}, TWO)
    with pytest.raises(ModelMismatch, match=r"2 items without a vector of two; embed them"):
        filled.serve(TWO)
    assert filled.model() == FOUR


def test_contents_of_no_item_get_no_vector(filled: Catalog) -> None:
    filled.add_embeddings("image", {"cc": row(1, 1)}, TWO)
    assert filled.extent("image", TWO)[1] == 0
    assert filled.check() == []


def test_a_content_keeps_the_vector_that_it_has(filled: Catalog) -> None:
    filled.add_embeddings("image", {"aa": row(9, 9, 9, 9)}, FOUR)
    assert filled.vector_of(1).tolist() == [1, 0, 0, 0]


@pytest.mark.parametrize("bad", [(1, 0, 0), (np.nan, 1), (0, 0)])
def test_a_vector_that_would_spoil_search_is_refused(filled: Catalog, bad: Any) -> None:
    with pytest.raises(Unstorable, match="not a finite, non-zero vector of 2 numbers"):
        filled.add_embeddings("image", {"aa": row(0, 1), "bb": row(*bad)}, TWO)
    assert filled.models() == [FOUR]


def test_vectors_of_all_models_go_with_their_content(filled: Catalog, entry: Entry) -> None:
    embed_with_two(filled)
    filled.remove([1])
    assert filled.extent("image", TWO)[1] == 2  # the copy has the content
    assert filled.extent("caption", TWO)[1] == 0
    filled.write([entry("/b.jpg", (0, 0, 1, 0), sha256="new")])
    assert filled.extent("image", TWO)[1] == 1
    assert filled.contents_without("image", TWO, 9) == ["new"]
    assert filled.check() == []


def test_a_new_picture_is_written_for_the_model_that_serves(filled: Catalog, entry: Entry) -> None:
    embed_with_two(filled)
    filled.serve(TWO)
    [item_id] = filled.write([entry("/c.jpg", (3, 4), sha256="cc")])
    assert filled.vector_of(item_id).tolist() == [3, 4]
    with pytest.raises(Unstorable, match="vector of 2 numbers"):
        filled.write([entry("/d.jpg", (1, 0, 0, 0))])
    with pytest.raises(NotFound):
        filled.vector_of(99)


def test_the_older_model_is_refused_once_another_serves(
    filled: Catalog, open_catalog: OpenCatalog
) -> None:
    embed_with_two(filled)
    filled.serve(TWO)
    with pytest.raises(ModelMismatch, match=r"vectors of two, not of four"):
        open_catalog()
    assert Path(filled.folder, "catalog.sqlite3").exists()
