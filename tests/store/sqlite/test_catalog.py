"""What is written is there whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmembed.errors import ModelMismatch, NotFound, QueryError, StoreError
from mmembed.filters import tree
from mmembed.filters.parse import with_all
from mmembed.filters.tree import EVERYTHING, Where
from mmembed.store.chunks import Chunk
from mmembed.store.entries import CaptionEntry, Model
from mmembed.store.sqlite import Catalog
from mmembed.types import Failure
from tests.store.sqlite.soundness import Entry, is_sound

NASTY = [
    "it's.jpg",
    'say "hi".jpg',
    "100%_sure\\.jpg",
    "two\nlines.jpg",
    "مرحبا\u202e.jpg",
    "🦄👩‍👩‍👧.jpg",
    "'; DROP TABLE items; --.jpg",
    "e\u0301 and é.jpg",
]


def caption(text: str, vector: Any = (0, 1, 0, 0)) -> CaptionEntry:
    return CaptionEntry(text, None if vector is None else np.asarray(vector, dtype=np.float32))


def vectors(catalog: Catalog, kind: str) -> int:
    return catalog.extent("image" if kind == "image" else "caption")[1]


# -- items and their vectors -----------------------------------------------------------


def test_an_image_is_written_with_its_vector_captions_and_tags(
    catalog: Catalog, entry: Entry
) -> None:
    [item_id] = catalog.write(
        [entry("/p/a.jpg", (0, 0, 3, 4), captions=(caption("b"), caption("a")), tags=("x", "w"))]
    )
    item = catalog.item(item_id)
    assert (item.path, item.caption, item.captions) == ("/p/a.jpg", "b", ("b", "a"))
    assert (item.tags, item.width, item.height, item.format) == (("w", "x"), 4, 3, "JPEG")
    assert catalog.vector_of(item_id).tolist() == [0, 0, 3, 4]
    assert (catalog.count("image"), catalog.count("caption"), catalog.count()) == (1, 2, 3)


def test_what_is_not_there_is_not_found(catalog: Catalog) -> None:
    for missing in (1, -1, 2**70):
        with pytest.raises(NotFound, match="no such item"):
            catalog.item(missing)
        with pytest.raises(NotFound):
            catalog.vector_of(missing)
    with pytest.raises(NotFound):
        catalog.update(5, tags=["x"])
    with pytest.raises(NotFound):
        catalog.update(5, captions=[])
    assert catalog.remove([5]) == 0


def test_a_failed_write_leaves_nothing(catalog: Catalog, entry: Entry) -> None:
    before = catalog.last_change()
    with pytest.raises(StoreError):
        catalog.write([entry("/a.jpg"), entry("/b.jpg", (np.nan, 0, 0, 0))])
    assert (catalog.count(), vectors(catalog, "image")) == (0, 0)
    assert catalog.last_change() == before
    catalog.write([entry("/a.jpg")])
    assert is_sound(catalog)


@pytest.mark.parametrize(
    "bad",
    [(np.nan, 1, 0, 0), (np.inf, 0, 0, 0), (1e6, 0, 0, 0), (0, 0, 0, 0), (1e-9, 0, 0, 0),
     (1, 0, 0), (1, 0, 0, 0, 0), [[1, 0, 0, 0]], ()],
)  # fmt: skip
def test_a_vector_that_would_spoil_search_is_refused(
    catalog: Catalog, entry: Entry, bad: Any
) -> None:
    with pytest.raises(StoreError, match="not a finite, non-zero vector of 4 numbers"):
        catalog.write([entry("/a.jpg", bad)])
    with pytest.raises(StoreError):
        catalog.write_caption(caption("words", bad))
    assert catalog.count() == 0


def test_the_same_content_and_equal_vectors_share_one_row(catalog: Catalog, entry: Entry) -> None:
    catalog.write(
        [
            entry("/a.jpg", (1, 0, 0, 0), sha256="same"),
            entry("/b.jpg", (0, 1, 0, 0), sha256="same"),
            entry("/c.jpg", None, sha256="same"),
            entry("/d.jpg", (1, 0, 0, 0)),
        ]
    )
    assert vectors(catalog, "image") == 1
    assert catalog.vector_of(2).tolist() == [1, 0, 0, 0]
    catalog.write_caption(caption("another kind", (1, 0, 0, 0)))
    assert vectors(catalog, "caption") == 1


def test_a_vector_goes_with_its_last_item(catalog: Catalog, entry: Entry) -> None:
    first, second = catalog.write([entry("/a.jpg", sha256="s"), entry("/b.jpg", sha256="s")])
    start = catalog.last_change()
    assert catalog.remove([first]) == 1
    assert catalog.last_change() == start
    assert catalog.remove([first, second]) == 1
    assert vectors(catalog, "image") == 0
    assert catalog.changes("image", start, catalog.last_change()) == ([], [1])
    assert catalog.changes("image", 0, catalog.last_change()) == ([], [])
    assert catalog.changes("caption", 0, catalog.last_change()) == ([], [])


def test_a_changed_image_keeps_its_id_and_loses_its_old_vector(
    catalog: Catalog, entry: Entry
) -> None:
    [old] = catalog.write([entry("/a.jpg", (1, 0, 0, 0), tags=("kept",))])
    [new] = catalog.write([entry("/a.jpg", (0, 1, 0, 0), sha256="other")])
    assert new == old
    assert catalog.vector_of(new).tolist() == [0, 1, 0, 0]
    assert catalog.item(new).tags == ("kept",)
    assert catalog.changes("image", 0, catalog.last_change()) == ([2], [])
    assert is_sound(catalog)


def test_removing_an_image_removes_its_captions_and_their_vectors(
    catalog: Catalog, entry: Entry
) -> None:
    words = (caption("one", (1, 0, 0, 0)), caption("two", (0, 0, 0, 1)))
    [item_id] = catalog.write([entry("/a.jpg", captions=words, tags=("t",))])
    catalog.write([entry("/b.jpg", captions=words[:1])])
    catalog.remove([item_id])
    assert catalog.count("caption") == 1
    assert vectors(catalog, "caption") == 1
    assert catalog.tags() == {}
    assert is_sound(catalog)


def test_ids_are_never_reused(catalog: Catalog, entry: Entry) -> None:
    ids = catalog.write([entry("/a.jpg"), entry("/b.jpg", (0, 1, 0, 0))])
    catalog.remove(ids)
    again = catalog.write([entry("/a.jpg")])
    assert again[0] > max(ids)
    assert catalog.changes("image", 0, catalog.last_change())[0] == [3]


def test_captions_keep_their_order_and_their_ids(catalog: Catalog, entry: Entry) -> None:
    [image] = catalog.write([entry("/a.jpg", captions=(caption("a"), caption("b")))])
    ids = {item.caption: item.id for item in catalog.page(after=0, limit=9, kind="caption")}
    catalog.update(image, captions=[caption("new"), caption("b"), caption("a")])
    assert catalog.item(image).captions == ("new", "b", "a")
    assert catalog.item(image).caption == "new"
    again = {item.caption: item.id for item in catalog.page(after=0, limit=9, kind="caption")}
    assert (again["a"], again["b"]) == (ids["a"], ids["b"])
    catalog.update(image, captions=[])
    assert catalog.item(image).caption is None


def test_an_image_shows_its_next_caption_when_the_first_is_removed(
    catalog: Catalog, entry: Entry
) -> None:
    [image] = catalog.write([entry("/a.jpg", captions=(caption("a"), caption("b")))])
    [first, second] = catalog.page(after=0, limit=9, kind="caption")
    catalog.remove([first.id])
    assert catalog.item(image).caption == "b"
    catalog.remove([second.id])
    assert catalog.item(image).caption is None


def test_the_same_lone_caption_keeps_its_id(catalog: Catalog) -> None:
    first = catalog.write_caption(caption("words"), tags=["x"])
    assert catalog.write_caption(caption("words", None), tags=["y"]) == first
    assert catalog.item(first).tags == ("x", "y")


@pytest.mark.parametrize("name", NASTY)
def test_any_name_caption_and_tag_comes_back_as_it_was(
    catalog: Catalog, entry: Entry, name: str
) -> None:
    path = f"/photos/{name}"
    [item_id] = catalog.write([entry(path, captions=(caption(name),), tags=(name,))])
    item = catalog.item(item_id)
    assert (item.path, item.captions, item.tags) == (path, (name,), (name,))
    assert list(catalog.known_files()) == [path]
    assert [i.id for i in _matching(catalog, with_all(EVERYTHING, [name]))] == [item_id]
    assert is_sound(catalog)


def test_half_a_character_is_refused_as_a_whole(catalog: Catalog, entry: Entry) -> None:
    with pytest.raises(StoreError, match="not kept"):
        catalog.write([entry("/a.jpg"), entry("/b\udcff.jpg")])
    assert catalog.count() == 0
    with pytest.raises(QueryError, match="surrogate"):
        with_all(EVERYTHING, ["\udcff"])
    assert _matching(catalog, tree.Test("tag", "=", "\udcff")) == []


def _matching(catalog: Catalog, where: Where) -> list[Any]:
    return catalog.page(after=0, limit=100, kind="image", where=where)


# -- filters and lists -----------------------------------------------------------------


def test_a_folder_filter_is_exact(catalog: Catalog, entry: Entry) -> None:
    paths = ["/a/b/1.jpg", "/a/b/c/2.jpg", "/a/bc/3.jpg", "/a/b.jpg", "/a/B/4.jpg", "/a/%/5.jpg"]
    catalog.write([entry(path, (1, i, 0, 0)) for i, path in enumerate(paths)])

    def found(folder: str) -> list[str | None]:
        return [item.path for item in _matching(catalog, with_all(EVERYTHING, folder=folder))]

    assert found("/a/b") == found("/a/b/") == paths[:2]
    assert found("/a/%") == ["/a/%/5.jpg"]
    assert found("/a/_") == []
    assert found("/") == paths
    assert catalog.count("image", with_all(EVERYTHING, folder="/a/b")) == 2
    assert catalog.vectors_matching("image", with_all(EVERYTHING, folder="/a/b")) == [1, 2]


def test_all_tags_of_a_filter_must_match(catalog: Catalog, entry: Entry) -> None:
    catalog.write([entry("/1", tags=("x", "y")), entry("/2", tags=("x",)), entry("/3")])
    assert [i.path for i in _matching(catalog, with_all(EVERYTHING, ["x"]))] == ["/1", "/2"]
    assert [i.path for i in _matching(catalog, with_all(EVERYTHING, ["x", "y"]))] == ["/1"]
    assert catalog.tags() == {"x": 2, "y": 1}


def test_pages_of_items_follow_each_other(catalog: Catalog, entry: Entry) -> None:
    catalog.write([entry(f"/{i}") for i in range(7)])
    pages, after = [], 0
    while page := catalog.page(after=after, limit=3, kind="image"):
        pages.append([item.path for item in page])
        after = page[-1].id
    assert pages == [["/0", "/1", "/2"], ["/3", "/4", "/5"], ["/6"]]


def test_listing_a_page_does_not_sort_all_items(catalog: Catalog) -> None:
    asked: list[str] = []
    catalog.count()
    [reader] = catalog._readers._idle
    reader.set_trace_callback(asked.append)
    for kind in ("image", "caption", None):
        catalog.page(after=5, limit=3, kind=kind)
    reader.set_trace_callback(None)
    assert len(asked) == 3
    for sql in asked:
        plan = catalog._connection.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall()
        assert any("INTEGER PRIMARY KEY" in row[3] for row in plan), plan
        assert not any("TEMP B-TREE FOR ORDER BY" in row[3] for row in plan), plan


def test_a_failure_is_noted_until_its_file_succeeds(catalog: Catalog, entry: Entry) -> None:
    broken = Failure("/a.jpg", "ImageError", "/a.jpg: cut short")
    catalog.write([], [broken])
    catalog.write([], [broken])
    assert catalog.failures() == [broken]
    catalog.write([entry("/a.jpg")])
    assert catalog.failures() == []
    catalog.write([], [broken, Failure("/b.jpg", "ImageError", "/b.jpg: empty")])
    catalog.forget_failures(lambda path: path == "/a.jpg")
    assert [f.name for f in catalog.failures()] == ["/b.jpg"]


# -- the model -------------------------------------------------------------------------


def test_another_model_is_refused_with_both_names_and_the_remedy(
    catalog: Catalog, entry: Entry
) -> None:
    catalog.write([entry("/a.jpg")])
    with pytest.raises(ModelMismatch, match=r"vectors of four, not of five.*--data"):
        catalog.claim(Model("five", "another fingerprint", 5))
    with pytest.raises(ModelMismatch, match=r"another version of four.*index again.*--data"):
        catalog.claim(Model("four", "fingerprint of new weights", 4))
    assert catalog.model() == Model("four", "fingerprint-of-four", 4)
    assert (catalog.count(), vectors(catalog, "image")) == (1, 1)
    catalog.claim(Model("four by another name", "fingerprint-of-four", 4))


def test_nothing_is_written_before_a_model_has_claimed_the_folder(
    tmp_path: Path, entry: Entry
) -> None:
    catalog = Catalog(tmp_path / "new")
    assert catalog.model() is None
    with pytest.raises(StoreError, match="no model yet"):
        catalog.write([entry("/a.jpg")])
    catalog.close()


def test_the_text_of_a_long_caption_is_read_once_for_all_its_chunks(catalog: Catalog) -> None:
    chunks = [Chunk(place, place + 1, np.eye(4, dtype=np.float32)[place]) for place in range(4)]
    document = catalog.write_caption(CaptionEntry("long", None, tuple(chunks)))
    ids = [one for some, _ in catalog.all_embeddings("caption") for one in some]
    items = [item for some in catalog.items_of_vectors(ids).values() for item in some]
    assert [(item.id, item.chunk) for item in items] == [
        (document, (place, place + 1)) for place in range(4)
    ]
    assert len({id(item.caption) for item in items}) == 1
