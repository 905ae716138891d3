"""Vectors of items are read again after each change."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from mmembed.store import known_vectors
from mmembed.store.known_vectors import KnownVectors


class Catalog:
    """Items whose vectors are ten times their ids."""

    def __init__(self) -> None:
        self.changes = 0
        self.vectors = {1: 10, 2: 20, 3: 30}
        self.asked: list[list[int]] = []

    def version(self) -> int:
        return self.changes

    def read(self, item_ids: Sequence[int]) -> dict[int, int]:
        self.asked.append(list(item_ids))
        return {one: self.vectors[one] for one in item_ids if one in self.vectors}


def test_what_is_known_is_read_once() -> None:
    catalog = Catalog()
    known = KnownVectors(catalog.version, catalog.read)
    assert known.of([1, 2]) == {1: 10, 2: 20}
    assert known.of([3, 2, 9]) == {3: 30, 2: 20}
    assert catalog.asked == [[1, 2], [3, 9]]


def test_after_a_change_nothing_is_known() -> None:
    catalog = Catalog()
    known = KnownVectors(catalog.version, catalog.read)
    known.of([1, 2, 3])
    del catalog.vectors[1]
    catalog.vectors[2] = 25
    catalog.changes += 1
    assert known.of([1, 2, 3]) == {2: 25, 3: 30}


def test_a_change_while_it_is_read_is_noticed_by_the_next_call() -> None:
    catalog = Catalog()
    known = KnownVectors(catalog.version, catalog.read)

    def images_of(vector_ids: Sequence[int]) -> dict[int, list[int]]:
        catalog.changes += 1  # after the version was asked for
        return {20: [2, 5]}

    assert known.noting(images_of)([20]) == {20: [2, 5]}
    assert known.of([2, 5]) == {2: 20}  # and not what was true before the change


def test_images_of_vectors_are_known() -> None:
    catalog = Catalog()
    known = KnownVectors(catalog.version, catalog.read)
    known.noting(lambda _: {70: [7, 8]})([70])
    assert known.of([7, 8]) == {7: 70, 8: 70}
    assert catalog.asked == []


def test_only_so_many_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_vectors, "MOST", 2)
    catalog = Catalog()
    known = KnownVectors(catalog.version, catalog.read)
    known.of([1, 2, 3])
    known.of([1])
    assert catalog.asked == [[1, 2, 3], [1]]
