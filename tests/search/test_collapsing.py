"""Pages without copies: full, without repeats, and each copy counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from mmembed.errors import QueryError
from mmembed.search.collapsing import REMEMBERED, collapsed_page, read_shown, with_shown
from mmembed.store.entries import ImageEntry
from mmembed.types import Hit, SearchPage
from tests.contracts.conftest import FOUR
from tests.contracts.memory_store import MemoryStore
from tests.photographs import hash_of_image, photograph

Entry = Callable[..., ImageEntry]


@pytest.fixture
def store(tmp_path: Path, entry: Entry) -> MemoryStore:
    """Five shots; the first has two copies, and the fourth a second file of the same bytes."""
    store = MemoryStore(tmp_path)
    store.claim(FOUR)
    shots = [0, 1, 0, 2, 3, 0, 3, 4]
    for number, shot in enumerate(shots):
        row = hash_of_image(photograph(shot), 90 - number)
        more = {"sha256": "same"} if shot == 3 else {}
        vector = [1, shot / 9, number / 900, 0]
        store.write([entry(f"/{number + 1}.jpg", vector, hashes=row, **more)])
    return store


def number(hit: Hit) -> int:
    return int(Path(hit.item.path or "").stem)


def pages_of(store: MemoryStore, order: Sequence[int]) -> Callable[[int, str | None], SearchPage]:
    """A search that finds the files of these numbers, page after page."""
    paths = [f"/{number}.jpg" for number in order]
    known = store.images_at(paths)

    def page_of(count: int, cursor: str | None) -> SearchPage:
        start = int(cursor or 0)
        ids = [known[path].item_id for path in paths[start : start + count]]
        hits = tuple(Hit(item, 0.5, 0.5) for item in store.items(ids))
        after = str(start + count) if start + count < len(paths) else None
        return SearchPage(hits, after, ("a note",), match=None if cursor else "yes")

    return page_of


def walked(store: MemoryStore, order: Sequence[int], count: int) -> Iterator[list[tuple[int, int]]]:
    """Numbers and copies of each page."""
    cursor = None
    while True:
        page = collapsed_page(store, pages_of(store, order), count, cursor)
        yield [(number(hit), hit.copies) for hit in page.hits]
        cursor = page.next_cursor
        if cursor is None:
            return


def test_the_best_of_the_copies_stands_for_them(store: MemoryStore) -> None:
    page = collapsed_page(store, pages_of(store, range(1, 9)), 10, None)
    assert [(number(hit), hit.copies) for hit in page.hits] == [
        (1, 3), (2, 1), (4, 1), (5, 2), (8, 1),
    ]  # fmt: skip
    assert (page.next_cursor, page.notes, page.match) == (None, ("a note",), "yes")


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_pages_are_full_and_make_one_list(store: MemoryStore, count: int) -> None:
    pages = list(walked(store, range(1, 9), count))
    assert [item for page in pages for item, _ in page] == [1, 2, 4, 5, 8]
    assert all(len(page) == count for page in pages[:-1])


def test_a_copy_far_behind_is_not_shown_again(store: MemoryStore) -> None:
    order = [1, 2, 4, 5, 8, 3, 6, 7]
    assert [item for page in walked(store, order, 2) for item, _ in page] == [1, 2, 4, 5, 8]


@pytest.mark.slow
def test_a_thousand_copies_are_one_hit(store: MemoryStore, entry: Entry) -> None:
    row = hash_of_image(photograph(9))
    frames = range(100, 1100)
    store.write([entry(f"/{n}.jpg", [0, 0, 0, 1], hashes=row) for n in frames])
    page = collapsed_page(store, pages_of(store, [*frames, 2, 4]), 2, None)
    assert [(number(hit), hit.copies) for hit in page.hits] == [(100, 1000), (2, 1)]


def test_cursors_carry_what_was_shown() -> None:
    ids = list(range(1, 1000))
    assert read_shown(with_shown("abc", ids)) == ("abc", ids[-REMEMBERED:])
    assert with_shown(None, ids) is None
    assert read_shown(None) == (None, [])


@pytest.mark.parametrize("cursor", ["abc", "abc!?", "abc!AAA", "abc!" + "_" * 11])
def test_other_cursors_are_refused(store: MemoryStore, cursor: str) -> None:
    with pytest.raises(QueryError, match="collapse"):
        collapsed_page(store, pages_of(store, [1]), 1, cursor)
