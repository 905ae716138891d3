"""What every store does with vectors: by content and model, by id, and as a query's neighbours."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from mmembed.errors import ModelMismatch, QueryError, Unstorable
from mmembed.filters.tree import EVERYTHING, All, Where
from mmembed.filters.tree import Test as Condition
from mmembed.store.entries import CaptionEntry, Found, ImageEntry, Model, Place
from mmembed.store.protocol import Store
from mmembed.types import Kind
from tests.conftest import image_entry
from tests.contracts.conftest import FOUR

Entry = Callable[..., ImageEntry]
THREE = Model("three", "fingerprint-of-three", 3)
"""Another model, whose vectors have three numbers."""


def unit(*numbers: float) -> NDArray[np.float32]:
    row = np.array(numbers, dtype=np.float32)
    return np.asarray(row / np.linalg.norm(row))


def all_ids(store: Store, kind: Kind = "image") -> list[int]:
    return [one for ids, _ in store.all_embeddings(kind) for one in ids]


# -- by content ----------------------------------------------------------------------


def test_a_store_belongs_to_one_model(empty: Store) -> None:
    assert empty.model() is None
    assert empty.models() == []
    empty.claim(FOUR)
    empty.claim(FOUR)
    assert empty.model() == FOUR
    assert empty.models() == [FOUR]
    with pytest.raises(ModelMismatch, match=r"four.*three"):
        empty.claim(THREE)
    assert empty.model() == FOUR


def test_contents_have_vectors(store: Store, entry: Entry) -> None:
    [item] = store.write([entry("/a", [1, 2, 3, 4])])
    found = store.embeddings_of("image", ["content of /a", "none"])
    assert list(found) == ["content of /a"]
    assert found["content of /a"].dtype == np.float16
    assert found["content of /a"].tolist() == store.vector_of(item).tolist() == [1, 2, 3, 4]
    assert store.embeddings_of("caption", ["content of /a"]) == {}


def test_a_known_content_needs_no_vector(store: Store, entry: Entry) -> None:
    with pytest.raises(Unstorable):
        store.write([entry("/a", None)])
    store.write([entry("/a", [1, 2, 3, 4])])
    [copy] = store.write([entry("/copy", None, sha256="content of /a")])
    assert store.vector_of(copy).tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "vector", [[0, 0, 0, 0], [np.nan, 1, 1, 1], [np.inf, 1, 1, 1], [1e6, 1, 1, 1], [1, 2, 3]]
)
def test_vectors_that_would_spoil_searches_are_refused(
    store: Store, entry: Entry, vector: list[float]
) -> None:
    with pytest.raises(Unstorable):
        store.write([entry("/a", vector)])
    assert store.count() == 0
    assert all_ids(store) == []


def test_equal_vectors_are_one(undivided: Store, entry: Entry) -> None:
    store = undivided
    items = store.write([entry("/a"), entry("/b"), entry("/c", [0, 1, 0, 0])])
    store.write_caption(CaptionEntry("words", unit(1, 0, 0, 0)))
    assert len(all_ids(store)) == 2
    assert len(all_ids(store, "caption")) == 1
    joined = store.items_of_vectors(all_ids(store))
    assert sorted([item.id for item in some] for some in joined.values()) == [
        items[:2], items[2:],
    ]  # fmt: skip


def test_images_of_vectors(store: Store, entry: Entry) -> None:
    caption = CaptionEntry("it", np.array([0, 0, 1, 1], dtype=np.float32))
    first, copy, other = store.write(
        [
            entry("/a", tags=("x",), captions=(caption,)),
            entry("/b", sha256="content of /a"),
            entry("/c", (0, 1, 0, 0)),
        ]
    )
    vectors = all_ids(store)
    found = store.images_of_vectors([*vectors, 9**9], "image")
    assert sorted(map(sorted, found.values())) == sorted([[first, copy], [other]])
    tagged = store.images_of_vectors(vectors, "image", Condition("tag", "=", "x"))
    assert list(tagged.values()) == [[first]]
    [said] = all_ids(store, "caption")
    assert store.images_of_vectors([said], "caption") == {said: [first]}


def test_vectors_of_several_items_come_in_their_order(store: Store, entry: Entry) -> None:
    first, copy, last = store.write(
        [
            entry("/a", [1, 2, 3, 4]),
            entry("/copy", None, sha256="content of /a"),
            entry("/b", [0, 1, 0, 0]),
        ]
    )
    ids, rows = store.vectors_of([last, copy, 99, first])
    assert ids == [last, copy, first]
    assert rows.dtype == np.float16
    assert rows.tolist() == [[0, 1, 0, 0], [1, 2, 3, 4], [1, 2, 3, 4]]
    store.remove([last])
    assert store.vectors_of([last, copy])[0] == [copy]
    assert store.vectors_of([last])[0] == []


def test_vectors_of_items_are_those_of_the_model_that_serves(store: Store, entry: Entry) -> None:
    [item] = store.write([entry("/a", [1, 2, 3, 4])])
    store.add_embeddings("image", {"content of /a": unit(0, 0, 1)}, THREE)
    assert store.vectors_of([item])[1].tolist() == [[1, 2, 3, 4]]
    store.serve(THREE)
    assert store.vectors_of([item])[1].tolist() == [[0, 0, 1]]


# -- by id ---------------------------------------------------------------------------


def test_changes_tell_what_came_and_what_went(store: Store, entry: Entry) -> None:
    start = store.last_change()
    first, second = store.write([entry("/a", [1, 0, 0, 0]), entry("/b", [0, 1, 0, 0])])
    come = store.last_change()
    one, other = all_ids(store)
    assert start < come
    assert store.changes("image", start, come) == ([one, other], [])
    store.remove([second])
    gone = store.last_change()
    assert store.changes("image", come, gone) == ([], [other])
    assert store.changes("image", start, gone) == ([one], [])
    assert store.changes("caption", start, gone) == ([], [])
    store.update(first, tags=["x"])
    assert store.last_change() == gone


def test_a_vector_lives_as_long_as_an_item_has_its_content(store: Store, entry: Entry) -> None:
    first, second = store.write([entry("/a"), entry("/copy", None, sha256="content of /a")])
    ids = all_ids(store)
    store.remove([first])
    assert all_ids(store) == ids
    store.remove([second])
    assert all_ids(store) == []
    assert store.embeddings_of("image", ["content of /a"]) == {}
    store.write([entry("/a")])
    assert all_ids(store) > ids


def test_a_changed_file_gets_another_vector(store: Store, entry: Entry) -> None:
    store.write([entry("/a")])
    ids = all_ids(store)
    [item] = store.write([entry("/a", [0, 1, 0, 0], sha256="new")])
    assert store.vector_of(item).tolist() == [0, 1, 0, 0]
    assert all_ids(store) > ids
    assert len(all_ids(store)) == 1


def test_vectors_are_read_by_id_in_portions(store: Store, entry: Entry) -> None:
    store.write([entry(f"/{n}", [n, 1, 0, 0]) for n in range(7)])
    portions = list(store.all_embeddings("image", chunk=3))
    assert [len(ids) for ids, _ in portions] == [3, 3, 1]
    ids = [one for some, _ in portions for one in some]
    assert ids == sorted(ids)
    assert [row[0] for _, rows in portions for row in rows] == list(range(7))
    some, rows = store.embeddings([*ids[:2], 999])
    assert some == ids[:2]
    assert rows.shape == (2, 4)
    assert rows.dtype == np.float16
    assert store.embeddings([])[0] == []


# -- several models ------------------------------------------------------------------


def test_a_second_model_is_filled_in_while_the_first_serves(store: Store, entry: Entry) -> None:
    store.write([entry("/a", [1, 0, 0, 0]), entry("/b", [0, 1, 0, 0])])
    before = all_ids(store), store.search(unit(1, 0, 0, 0), 9, kind="image")
    wanted = ["content of /a", "content of /b"]
    assert store.contents_without("image", THREE, 9) == wanted
    assert store.contents_without("image", THREE, 1) == wanted[:1]
    rows = {"content of /a": unit(1, 1, 1), "of no item": unit(1, 0, 0)}
    store.add_embeddings("image", rows, THREE)
    assert store.contents_without("image", THREE, 9) == wanted[1:]
    assert list(store.embeddings_of("image", [*wanted, "of no item"], THREE)) == wanted[:1]
    assert store.models() == [FOUR, THREE]
    assert store.model() == FOUR
    assert (all_ids(store), store.search(unit(1, 0, 0, 0), 9, kind="image")) == before
    with pytest.raises(ModelMismatch, match="three"):
        store.serve(THREE)
    assert store.model() == FOUR


def test_another_model_serves_once_it_has_every_vector(store: Store, entry: Entry) -> None:
    first, second = store.write([entry("/a", [1, 0, 0, 0]), entry("/b", [0, 1, 0, 0])])
    rows = {"content of /a": unit(0, 0, 1), "content of /b": unit(0, 1, 0)}
    store.search(unit(1, 0, 0, 0), 9, kind="image")
    store.add_embeddings("image", rows, THREE)
    store.serve(THREE)
    assert store.model() == THREE
    assert store.vector_of(first).tolist() == [0, 0, 1]
    assert ids_of(store.search(unit(0, 0, 1), 1, kind="image")) == [first]
    assert store.sample("image", 9).shape == (2, 3)
    store.write([entry("/c", unit(1, 1, 1))])
    store.remove([first, second])
    assert store.embeddings_of("image", list(rows), FOUR) == {}
    assert store.embeddings_of("image", list(rows), THREE) == {}


def test_vectors_of_another_model_have_its_length(store: Store, entry: Entry) -> None:
    store.write([entry("/a")])
    with pytest.raises(Unstorable, match="3 numbers"):
        store.add_embeddings("image", {"content of /a": unit(1, 0, 0, 0)}, THREE)
    assert store.embeddings_of("image", ["content of /a"], THREE) == {}


# -- search --------------------------------------------------------------------------


def ids_of(found: Found) -> list[int]:
    return [item.id for item, _ in found.hits]


def pages(store: Store, query: NDArray[np.float32], count: int, where: Where) -> list[list[int]]:
    lists: list[list[int]] = []
    place, seen = None, 0
    while True:
        found = store.search(query, count, where, kind="image", after=place)
        lists.append(ids_of(found))
        if found.complete:
            return lists
        item, score = found.hits[-1]
        seen += len(found.hits)
        place = Place(score, item.id, seen)


def filled(store: Store, entry: Entry, count: int = 60) -> NDArray[np.float32]:
    """Images in three folders; returns their vectors. Some have equal vectors, and more have
    vectors of one direction, so that much ties. The first image has such a vector that came
    last."""
    rows = np.random.default_rng(3).normal(size=(count, 4)).astype(np.float32)
    rows[4::5] = rows[3::5]
    rows[9:15] = rows[8] * 2.0 ** np.arange(1, 7)[:, None]
    entries = [
        entry(f"/{n % 3}/{n}", row, tags=("even",) if n % 2 == 0 else ())
        for n, row in enumerate(rows)
    ]
    store.write(entries)
    rows[0] = 128 * rows[8]
    store.write([entry("/0/0", rows[0], sha256="new")])
    store.publish()
    return rows


@pytest.fixture(scope="module")
def sixty(shared: Store) -> Store:
    """A store that is filled."""
    filled(shared, image_entry)
    return shared


def test_a_store_that_holds_nothing_finds_nothing(empty: Store) -> None:
    for _ in range(2):
        assert empty.search(unit(1, 0, 0, 0), 5, kind="image") == Found((), complete=True)
        assert len(empty.sample("image", 5)) == 0
        assert empty.index("image") is None
        empty.publish()
        empty.rebuild()
        empty.claim(FOUR)


def test_the_nearest_come_first(store: Store, entry: Entry) -> None:
    rows = filled(store, entry)
    query = unit(1, 2, -1, 0.5)
    cosines = (rows.astype(np.float16).astype(np.float64) @ query) / np.linalg.norm(
        rows.astype(np.float16).astype(np.float64), axis=1
    )
    found = store.search(query, 60, kind="image")
    assert found.complete
    assert [score for _, score in found.hits] == pytest.approx(sorted(cosines)[::-1], abs=1e-6)
    order = [(-score, item.id) for item, score in found.hits]
    assert order == sorted(order)


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 7, 60, 500])
@pytest.mark.parametrize(
    "where",
    [
        EVERYTHING,
        Condition("tag", "=", "even"),
        Condition("folder", "=", "/1"),
        All((Condition("tag", "=", "even"), Condition("folder", "=", "/2"))),
        Condition("tag", "=", "none"),
    ],
)
def test_pages_of_any_length_make_one_list(sixty: Store, where: Where, count: int) -> None:
    query = unit(1, 2, -1, 0.5)
    passing = {item.id for item in sixty.page(after=0, limit=99, kind="image", where=where)}
    whole = [one for one in ids_of(sixty.search(query, 60, kind="image")) if one in passing]
    lists = pages(sixty, query, count, where)
    assert [one for some in lists for one in some] == whole
    assert all(len(some) == count for some in lists[:-1])


def test_kinds_are_searched_apart(store: Store, entry: Entry) -> None:
    [image] = store.write([entry("/a", captions=(CaptionEntry("it", unit(1, 0, 0, 0)),))])
    [hit] = store.search(unit(1, 0, 0, 0), 9, kind="caption").hits
    assert (hit[0].kind, hit[0].image_id, hit[1]) == ("caption", image, 1)
    assert ids_of(store.search(unit(1, 0, 0, 0), 9, kind="image")) == [image]


def test_a_search_sees_the_last_change(store: Store, entry: Entry) -> None:
    query = unit(1, 0, 0, 0)
    first, second = store.write([entry("/a", [1, 0, 0, 0]), entry("/b", [1, 1, 0, 0])])
    assert ids_of(store.search(query, 9, kind="image")) == [first, second]
    store.remove([first])
    assert ids_of(store.search(query, 9, kind="image")) == [second]
    store.update(second, tags=["x"])
    assert ids_of(store.search(query, 9, Condition("tag", "=", "x"), kind="image")) == [second]
    [copy] = store.write([entry("/copy", None, sha256="content of /b")])
    assert ids_of(store.search(query, 9, kind="image")) == [second, copy]


@pytest.mark.parametrize("count", [0, -1])
def test_no_results_cannot_be_asked_for(store: Store, count: int) -> None:
    with pytest.raises(QueryError, match="at least 1"):
        store.search(unit(1, 0, 0, 0), count, kind="image")


def test_a_sample_is_the_same_until_a_vector_changes(store: Store, entry: Entry) -> None:
    filled(store, entry)
    store.search(unit(1, 0, 0, 0), 1, kind="image")
    sample = store.sample("image", 10)
    assert 5 <= len(sample) <= 10
    assert sample.dtype == np.float32
    assert np.linalg.norm(sample, axis=1) == pytest.approx(np.ones(len(sample)), abs=1e-6)
    assert np.array_equal(sample, store.sample("image", 10))
    assert len(store.sample("image", 1000)) == len(all_ids(store))


def test_indexes_change_no_answer(store: Store, entry: Entry) -> None:
    filled(store, entry)
    query = unit(0.3, -1, 2, 1)
    answer = store.search(query, 20, kind="image")
    store.rebuild()
    assert store.search(query, 20, kind="image") == answer
    store.publish(build=False)
    assert store.search(query, 20, kind="image") == answer
    assert set(store.index_sizes().values()) <= {len(all_ids(store)), 0}


def test_an_index_is_measured_in_both_ways(store: Store, entry: Entry) -> None:
    filled(store, entry)
    index = store.index("image")
    assert index is not None
    assert index.kind == "image"
    assert index.in_use in ("exact", "hnsw")
    assert len(index) == len(index.ids())
    assert index.ids().tolist() == all_ids(store)
    exact, approximate = index.exact(unit(1, 0, 0, 0), 5), index.approximate(unit(1, 0, 0, 0), 5)
    assert len(exact.ids) == 5
    assert exact.scores == pytest.approx(approximate.scores)
    assert store.index("caption") is None
