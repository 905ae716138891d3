"""What every store does with captions that have a vector for each of their chunks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from mmembed.errors import Unstorable
from mmembed.filters.tree import EVERYTHING
from mmembed.filters.tree import Test as Condition
from mmembed.store.chunks import Chunk
from mmembed.store.entries import CaptionEntry, Found, ImageEntry, Place
from mmembed.store.protocol import Store

Entry = Callable[..., ImageEntry]
RED, GREEN, BLUE = np.eye(4, dtype=np.float32)[:3]


def long(text: str, *rows: Sequence[float] | NDArray[np.float32]) -> CaptionEntry:
    """A caption in as many chunks as there are vectors, each of as much of the text."""
    step = len(text) // len(rows)
    stops = [*range(step, step * len(rows), step), len(text)]
    vectors = [np.asarray(row, np.float32) for row in rows]
    return CaptionEntry(text, None, tuple(map(Chunk, [0, *stops], stops, vectors)))


def vectors(store: Store) -> list[int]:
    return [one for ids, _ in store.all_embeddings("caption") for one in ids]


def found(store: Store, query: NDArray[np.float32], count: int = 9) -> Found:
    return store.search(query, count, kind="caption")


def ids_of(hits: Found) -> list[int]:
    return [item.id for item, _ in hits.hits]


def test_the_best_chunk_ranks_a_caption_and_is_named(store: Store) -> None:
    document = store.write_caption(long("red and green", RED, GREEN))
    caption = store.write_caption(CaptionEntry("yellow", RED + GREEN))
    for query, place in ((RED, (0, 6)), (GREEN, (6, 13))):
        [(best, score), (other, _)] = found(store, query).hits
        assert (best.id, best.chunk, score) == (document, place, 1.0)
        assert (other.id, other.chunk) == (caption, None)
    assert store.item(document).chunk is None


def test_a_caption_comes_once_on_all_pages(store: Store) -> None:
    generator = np.random.default_rng(5)
    for number in range(30):
        rows = generator.normal(size=(1 + number % 4, 4))
        rows[-1] = [1, 0, 0, number % 3]  # so that much ties
        text = f"caption number {number}"
        entry = long(text, *rows) if len(rows) > 1 else CaptionEntry(text, rows[0])
        store.write_caption(entry)
    store.publish()
    query = np.array([0.8, 0.6, 0, 0], np.float32)
    whole = ids_of(found(store, query, 60))
    assert sorted(whole) == [item.id for item in store.page(after=0, limit=99, kind="caption")]
    for count in (1, 4, 7):
        assert ids_of(found(store, query, count)) == whole[:count]
        pages, place = [], None
        while True:
            page = store.search(query, count, kind="caption", after=place)
            pages += ids_of(page)
            if page.complete:
                break
            place = Place(page.hits[-1][1], page.hits[-1][0].id, len(pages))
        assert pages == whole


def test_a_filter_passes_captions_by_any_chunk(store: Store) -> None:
    store.write_caption(long("red and green", RED, GREEN))
    document = store.write_caption(long("green and blue", GREEN, BLUE), ["wanted"])
    where = Condition("tag", "=", "wanted")
    [(item, score)] = store.search(BLUE, 9, where, kind="caption").hits
    assert (item.id, item.chunk, score) == (document, (7, 14), 1.0)
    assert store.search(RED, 9, where, kind="caption").complete


def test_captions_share_the_vectors_of_equal_chunks(undivided: Store) -> None:
    store = undivided
    first = store.write_caption(long("red and green", RED, GREEN))
    second = store.write_caption(long("green and blue", GREEN, BLUE))
    short = store.write_caption(CaptionEntry("green", GREEN))
    assert len(vectors(store)) == 3
    assert ids_of(found(store, GREEN)) == [first, second, short]
    store.remove([first])
    assert len(vectors(store)) == 2
    assert ids_of(found(store, GREEN)) == [second, short]
    store.remove([second, short])
    assert vectors(store) == []
    assert store.check() == []


def test_the_same_text_has_its_chunks_once(store: Store, entry: Entry) -> None:
    store.write_caption(long("red and green", RED, GREEN))
    caption = long("red and green", BLUE, BLUE)  # it is known: these are not looked at
    [image] = store.write([entry("/a", captions=(caption,))])
    assert len(vectors(store)) == 2
    assert len(found(store, RED).hits) == 2
    store.remove([image])
    assert len(found(store, RED).hits) == 1


def test_one_vector_of_a_caption_is_the_mean_of_its_chunks(store: Store) -> None:
    entry = long("red and green", 2 * RED, 0.5 * GREEN)
    document = store.write_caption(entry)
    mean = [0.5**0.5, 0.5**0.5, 0, 0]
    assert store.vector_of(document) == pytest.approx(mean, abs=1e-3)
    assert store.vectors_of([document])[1][0] == pytest.approx(mean, abs=1e-3)
    stored = store.embeddings_of("caption", [entry.sha256])
    assert stored[entry.sha256] == pytest.approx(mean, abs=1e-3)


def test_chunks_are_listed_in_their_order(store: Store, entry: Entry) -> None:
    document = store.write_caption(long("red and green", RED, GREEN))
    short = store.write_caption(CaptionEntry("green", GREEN))
    [image] = store.write([entry("/a")])
    chunks = store.chunks_of([document, short, image, 99])
    assert list(chunks) == [document]
    assert [chunk[:2] for chunk in chunks[document]] == [(0, 6), (6, 13)]


def test_a_chunk_that_would_spoil_searches_is_refused_with_its_caption(store: Store) -> None:
    with pytest.raises(Unstorable):
        store.write_caption(long("red and green", RED, [0, 0, 0, 0]))
    assert store.count() == 0
    assert vectors(store) == []


def test_an_earlier_caption_is_cut_into_chunks(store: Store) -> None:
    entry = long("red and green", RED, GREEN)
    document = store.write_caption(CaptionEntry(entry.text, RED + GREEN))
    assert found(store, RED).hits[0][1] < 1
    assert store.uncut_captions(9) == []  # of a time when captions were cut
    store.cut_captions({entry.sha256: entry.chunks, "of no item": entry.chunks}, 1)
    [(item, score)] = found(store, GREEN).hits
    assert (item.id, item.chunk, score) == (document, (6, 13), 1.0)
    assert len(vectors(store)) == 2
    assert store.count("caption", EVERYTHING) == 1
    assert store.check() == []


def test_of_equal_chunks_the_first_is_named(store: Store) -> None:
    document = store.write_caption(long("red green red", RED, GREEN, RED))
    [(item, _)] = found(store, RED).hits
    assert (item.id, item.chunk) == (document, (0, 4))
    assert len(vectors(store)) == 2


def test_the_chunks_of_a_long_caption_leave_room_for_the_captions_of_other_images(
    store: Store, entry: Entry
) -> None:
    rows = [(5, number / 1000, 0, 0.5) for number in range(300)]
    novel = long("a chunk of a novel, " * 300, *rows)
    [first, second] = store.write(
        [
            entry("/novel", captions=(novel,)),
            entry("/short", captions=(CaptionEntry("red", RED + GREEN),)),
        ]
    )
    ranked = store.nearest_images(RED, 100, by="caption")
    assert ranked.item_ids.tolist() == [first, second]
    assert ranked.complete
