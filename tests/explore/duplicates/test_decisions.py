"""What a person said is remembered by contents."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mmembed.errors import LimitError, NotFound, QueryError
from mmembed.explore.duplicates.decisions import KIND, MOST, decide, read_decisions
from mmembed.store.entries import ImageEntry
from tests.contracts.conftest import FOUR
from tests.contracts.memory_store import MemoryStore

Entry = Callable[..., ImageEntry]


@pytest.fixture
def store(tmp_path: Path, entry: Entry) -> MemoryStore:
    """Four pictures; the last two have the same content."""
    store = MemoryStore(tmp_path)
    store.claim(FOUR)
    store.write([entry(f"/{name}.jpg", [1, 0, 0, number]) for number, name in enumerate("abc")])
    store.write([entry("/d.jpg", None, sha256="content of /c.jpg")])
    return store


def some(store: MemoryStore, *names: str) -> list[int]:
    """The ids of pictures by their letters."""
    known = store.images_at([f"/{name}.jpg" for name in "abcd"])
    return [known[f"/{name}.jpg"].item_id for name in names]


def test_a_decision_holds_for_each_two(store: MemoryStore) -> None:
    decide(store, not_duplicates=[some(store, *"abc")])
    decide(store, not_duplicates=[some(store, *"cabb")])
    assert len(store.records(KIND)) == 1, "saying it again changes nothing"
    said = read_decisions(store)
    numbers = [said.by_content[f"content of /{name}.jpg"] for name in "abc"]
    assert numbers[0] & numbers[1] & numbers[2]
    assert not said.wanted_twice


def test_equal_files_may_be_wanted(store: MemoryStore) -> None:
    decide(store, not_duplicates=[some(store, *"cd")])
    said = read_decisions(store)
    assert said.wanted_twice == {"content of /c.jpg"}
    assert said.by_content == {}


def test_a_decision_is_forgotten_by_two_of_its_pictures(store: MemoryStore) -> None:
    decide(store, not_duplicates=[some(store, *"abc")])
    decide(store, not_duplicates=[some(store, *"cd")])
    assert decide(store, forget=[some(store, *"ac")]) == 1
    assert read_decisions(store).by_content == {}
    assert decide(store, forget=[some(store, *"ac")]) == 0
    assert decide(store, forget=[some(store, *"cd")]) == 1
    assert store.records(KIND) == {}


@pytest.mark.parametrize(
    ("ids", "error", "said"),
    [
        ([], QueryError, "two pictures or more"),
        ([7, 7], QueryError, "two pictures or more"),
        ([98, 99], NotFound, "item 98: no such item"),
        (range(1, MOST + 2), LimitError, f"limit {MOST}"),
    ],
)
def test_what_cannot_be_said(
    store: MemoryStore, ids: list[int], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        decide(store, not_duplicates=[some(store, *"ab"), list(ids)])
    assert store.records(KIND) == {}


def test_all_lists_are_heeded_or_none(store: MemoryStore) -> None:
    decide(store, not_duplicates=[some(store, *"ab"), some(store, *"cd")])
    assert len(store.records(KIND)) == 2
    with pytest.raises(NotFound):
        decide(store, forget=[some(store, *"ab")], not_duplicates=[[98, 99]])
    assert len(store.records(KIND)) == 2
    assert decide(store, forget=[some(store, *"ab"), some(store, *"abd")]) == 1
    assert read_decisions(store).wanted_twice == {"content of /c.jpg"}


def test_a_damaged_record_says_nothing(store: MemoryStore) -> None:
    store.put_records(KIND, {"x": b"\xff", "y": b"7", "z": b'["only"]'})
    assert read_decisions(store).by_content == {}
