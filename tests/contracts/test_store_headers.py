"""What headers say is kept with the items, and may be filled in later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import datetime

import pytest

from mmembed.store.entries import CaptionEntry, ImageEntry
from mmembed.store.protocol import Store
from mmembed.types import HeaderFacts

Entry = Callable[..., ImageEntry]
FACTS = HeaderFacts(
    taken="2019-05-03T10:11:12.250",
    taken_offset=-210,
    camera="Nikon D90",
    lens="50mm",
    latitude=52.5043056,
    longitude=-13.5,
)


def local_time(mtime_ns: int) -> str:
    return datetime.fromtimestamp(mtime_ns // 10**9).isoformat()


def facts_in(store: Store, item_id: int) -> HeaderFacts:
    item = store.item(item_id)
    return HeaderFacts(**{name: getattr(item, name) for name in asdict(FACTS)})


def test_an_image_is_written_with_what_its_header_says(store: Store, entry: Entry) -> None:
    [item_id] = store.write([replace(entry("/p/a.jpg"), header=FACTS, header_read=3)])
    assert facts_in(store, item_id) == FACTS
    assert store.item(item_id).date == "2019-05-03T10:11:12"
    assert store.headers_to_read(3, after=0, limit=9) == []


def test_an_image_without_a_header_has_the_date_of_its_file(store: Store, entry: Entry) -> None:
    written = replace(entry("/p/a.jpg"), mtime_ns=1_700_000_000_123_456_789)
    [item_id] = store.write([written])
    item = store.item(item_id)
    assert item.date == local_time(1_700_000_000_123_456_789)
    assert item.added is not None
    assert item.added > 1_700_000_000
    assert facts_in(store, item_id) == HeaderFacts()


def test_a_file_that_changes_says_other_things(store: Store, entry: Entry) -> None:
    [item_id] = store.write([replace(entry("/p/a.jpg"), header=FACTS, header_read=3)])
    added = store.item(item_id).added
    other = replace(FACTS, taken=None, taken_offset=None, lens="85mm")
    store.write([replace(entry("/p/a.jpg", (1, 1, 0, 0)), header=other, header_read=3)])
    assert facts_in(store, item_id) == other
    assert store.item(item_id).date == local_time(entry("/p/a.jpg").mtime_ns)
    assert store.item(item_id).added == added


def test_headers_are_filled_in(store: Store, entry: Entry) -> None:
    first, second = store.write([entry("/p/a.jpg"), entry("/p/b.jpg", (1, 1, 0, 0))])
    store.note_headers({first: FACTS, 999: FACTS}, 3)
    assert facts_in(store, first) == FACTS
    assert store.item(first).date == "2019-05-03T10:11:12"
    assert facts_in(store, second) == HeaderFacts()


def test_unread_headers_come_in_pages(store: Store, entry: Entry) -> None:
    made = [entry(f"/p/{n}.jpg", (1, n, 0, 0)) for n in range(4)]
    store.write_caption(CaptionEntry("a cat", entry("/p/a.jpg", (5, 5, 5, 0)).embedding))
    ids = store.write(made)
    store.note_headers({ids[1]: FACTS}, 3)
    first = store.headers_to_read(3, after=0, limit=2)
    rest = store.headers_to_read(3, after=first[-1].item_id, limit=2)
    assert [unread.item_id for unread in (*first, *rest)] == [ids[0], ids[2], ids[3]]
    assert first[0] == (ids[0], "/p/0.jpg", made[0].sha256)
    assert len(store.headers_to_read(4, after=0, limit=9)) == 4


@pytest.mark.parametrize("mtime_ns", [1_700_000_000_999_999_999, 0, 86_400 * 10**9 * 365 * 60])
def test_a_date_that_proves_wrong_is_the_file_s_again(
    store: Store, entry: Entry, mtime_ns: int
) -> None:
    written = replace(entry("/p/a.jpg"), mtime_ns=mtime_ns, header=FACTS, header_read=3)
    [item_id] = store.write([written])
    store.note_headers({item_id: HeaderFacts()}, 4)
    assert store.item(item_id).date == local_time(mtime_ns)


def test_a_moved_file_keeps_the_date_it_was_taken(store: Store, entry: Entry) -> None:
    [item_id] = store.write([replace(entry("/p/a.jpg"), header=FACTS, header_read=3)])
    store.move([(item_id, "/p/b.jpg", 1_700_000_000 * 10**9, (1, 2, 3))])
    assert store.item(item_id).date == "2019-05-03T10:11:12"
    assert facts_in(store, item_id) == FACTS


def test_places_are_erased(store: Store, entry: Entry) -> None:
    store.forget_places()  # of nothing
    [item_id] = store.write([replace(entry("/p/a.jpg"), header=FACTS, header_read=3)])
    store.forget_places()
    assert facts_in(store, item_id) == replace(FACTS, latitude=None, longitude=None)
    store.forget_places()  # again
