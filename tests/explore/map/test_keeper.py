"""A kept map follows its collection, and places each new picture once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mmembed.errors import ModelMismatch
from mmembed.explore.map import keeper, make
from mmembed.explore.map.keeper import MapKeeper
from mmembed.explore.map.make import make_map
from mmembed.explore.picture_vectors import one_model
from mmembed.store.entries import ImageEntry, Model
from tests.contracts.conftest import FOUR
from tests.contracts.memory_store import MemoryStore

Entry = Callable[..., ImageEntry]


@pytest.fixture
def store(tmp_path: Path, entry: Entry) -> MemoryStore:
    """Twelve pictures and their map."""
    store = MemoryStore(tmp_path)
    store.claim(FOUR)
    random = np.random.default_rng(0)
    store.write([entry(f"/{n}.jpg", row) for n, row in enumerate(random.normal(size=(12, 4)))])
    quiet = {"progress": lambda *_: None, "phase": lambda *_: None}
    MapKeeper(store).keep(make_map(store, FOUR, None, method="pca", **quiet))
    return store


@pytest.fixture
def placed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many pictures were placed each time."""
    counts: list[int] = []
    real = make.with_all

    def counted(known: object, store: object, ids: object, progress: object) -> object:
        counts.append(len(ids))  # type: ignore[arg-type]
        return real(known, store, ids, progress)  # type: ignore[arg-type]

    monkeypatch.setattr(keeper, "with_all", counted)
    return counts


def test_a_new_picture_is_placed_once(store: MemoryStore, entry: Entry, placed: list[int]) -> None:
    maps = MapKeeper(store)
    assert maps.fresh() is None
    current = None
    for number in range(3):
        store.write([entry(f"/new {number}.jpg", [1, number, 0, 0])])
        assert maps.fresh() is None
        current = maps.current()
        assert current is not None
        assert maps.fresh() is current
        assert (current.new, current.gone, len(current.map)) == (number + 1, 0, 13 + number)
    assert placed == [1, 1, 1]
    anew = MapKeeper(store).current()
    assert anew is not None
    assert current is not None
    assert (anew.map.ids == current.map.ids).all()
    assert (anew.map.points == current.map.points).all()


def test_changed_and_gone_pictures_are_followed_too(
    store: MemoryStore, entry: Entry, placed: list[int]
) -> None:
    maps = MapKeeper(store)
    store.write([entry("/new.jpg", [1, 0, 0, 0])])
    maps.current()
    store.write([entry("/0.jpg", [0, 0, 0, 1], sha256="another")])
    store.write([entry("/new.jpg", [0, 1, 0, 0], sha256="a third")])
    current = maps.current()
    assert placed == [1, 2]
    gone = store.images_at(["/1.jpg"])["/1.jpg"].item_id
    store.remove([gone])
    now = maps.current()
    assert current is not None
    assert now is not None
    assert placed == [1, 2, 0]
    assert (current.new, now.new, now.gone, len(now.map)) == (2, 2, 1, 12)
    anew = MapKeeper(store).current()
    assert anew is not None
    assert (anew.map.points == now.map.points).all()


def test_of_many_new_pictures_the_first_are_placed(
    store: MemoryStore, entry: Entry, placed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "MOST_NEW", 3)
    maps = MapKeeper(store)
    for number in range(5):
        store.write([entry(f"/new {number}.jpg", [1, number, 0, 0])])
        current = maps.current()
    assert current is not None
    assert (current.new, current.waiting, placed) == (5, 2, [1, 1, 1, 0, 0])
    kept = maps.brought_up(lambda *_: None)
    assert kept is not None
    assert (kept.new, kept.waiting) == (5, 0)
    now = maps.current()
    assert now is not None
    assert (now.new, now.waiting) == (0, 0)


def test_what_was_read_of_two_models_is_refused(store: MemoryStore) -> None:
    def flip() -> None:
        with one_model(store):
            store.model = lambda: Model("other", "fingerprint-of-other", 4)  # type: ignore[method-assign]
            raise ValueError("two shapes")

    with pytest.raises(ModelMismatch, match="another model"):
        flip()
