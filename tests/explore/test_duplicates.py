"""From a store's pictures to groups of duplicates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mmembed.explore.duplicates import picture_table
from mmembed.explore.duplicates.decisions import read_decisions
from mmembed.explore.duplicates.find_groups import find_groups
from mmembed.explore.duplicates.picture_table import PictureTable, read_pictures
from mmembed.filters.tree import EVERYTHING
from mmembed.store.entries import ImageEntry
from mmembed.types import HeaderFacts
from tests.contracts.conftest import FOUR
from tests.contracts.memory_store import MemoryStore
from tests.photographs import hash_of_image, photograph

Entry = Callable[..., ImageEntry]
PICTURES = 40


@pytest.fixture
def store(tmp_path: Path, entry: Entry) -> MemoryStore:
    """Pictures with vectors all over the place. The first two show one shot, and the third has the
    bytes of the first."""
    store = MemoryStore(tmp_path)
    store.claim(FOUR)
    random = np.random.default_rng(0)
    vectors = np.array([2, 0, 0, 0]) + random.normal(size=(PICTURES, 4))
    vectors[1] = vectors[0] + 0.001
    rows = [hash_of_image(photograph(max(0, number - 1))) for number in range(PICTURES)]
    store.write(
        [
            entry(f"/{number}.jpg", vectors[number] * 3, hashes=rows[number], width=4 + number)
            for number in range(PICTURES)
        ]
    )
    header = HeaderFacts(taken="2024-05-01T10:00:00.250", camera="Test 1")
    store.write([entry("/again.jpg", None, sha256="content of /0.jpg", header=header)])
    return store


def read(store: MemoryStore) -> PictureTable:
    return read_pictures(store, EVERYTHING, lambda item: False, lambda *_: None)


@pytest.mark.parametrize("page", [7, 1000])
def test_likenesses_and_cosines_are_those_of_the_vectors(
    store: MemoryStore, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture_table, "PAGE", page)
    table = read(store)
    assert (len(table), table.is_centred, table.unhashed) == (PICTURES, True, 0)
    stored = store.embeddings_of("image", table.contents)
    vectors = np.stack([stored[sha256] for sha256 in table.contents]).astype(np.float64)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rest = vectors - store.sample("image", PICTURES).mean(axis=0)
    rest /= np.linalg.norm(rest, axis=1, keepdims=True)
    places = np.arange(PICTURES)
    likenesses = table.alike.among(places, places)
    assert np.allclose(likenesses, rest @ rest.T, atol=3e-3)
    cosines = table.alike.cosines(likenesses, places[:, None], places[None, :])
    assert np.allclose(cosines, vectors @ vectors.T, atol=3e-3)
    pairs = table.alike.of_pairs(places, places[::-1])
    assert np.allclose(pairs, likenesses[places, places[::-1]], atol=1e-6)


def test_equal_bytes_and_copies_are_found(store: MemoryStore) -> None:
    findings = find_groups(read(store), read_decisions(store), lambda *_: None)
    known = {image.path: image.item_id for image in store.images_at(["/0.jpg", "/1.jpg"]).values()}
    again = store.images_at(["/again.jpg"])["/again.jpg"].item_id
    groups = {group.kind: group.item_ids for group in findings.groups}
    assert groups["identical"] == (known["/0.jpg"], again)
    assert groups["same_shot"] == (known["/1.jpg"], known["/0.jpg"])
    assert (findings.items, findings.pictures) == (PICTURES + 1, PICTURES)


def test_what_is_left_out_is_not_looked_at(store: MemoryStore) -> None:
    table = read_pictures(store, EVERYTHING, lambda item: item.path != "/3.jpg", lambda *_: None)
    assert table.contents == ["content of /3.jpg"]


def test_nothing_is_read_from_an_empty_store(tmp_path: Path) -> None:
    empty = MemoryStore(tmp_path)
    findings = find_groups(read(empty), read_decisions(empty), lambda *_: None)
    assert (findings.groups, findings.items) == ((), 0)
