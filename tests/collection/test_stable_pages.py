"""The pages of a search keep the order of its first page while a writer is at work."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mmembed.collection.collection import Collection
from mmembed.errors import QueryError
from mmembed.filters.parse import parse_where
from mmembed.types import STRATEGIES, SearchMode, SearchPage, Strategy, Term
from tests.fake_encoder import COLOURS
from tests.serving import PATIENCE_S, picture

OpenCollection = Callable[..., Collection]
ROOT = Path(__file__).parents[2]

PLAIN = [Term(text="red"), Term(text="yellow")]
COMPOSED = [Term(text="red"), Term(text="orange"), Term(text="blue", weight=-0.5)]

WRITING = """
import sys
from pathlib import Path
from mmembed.collection.collection import Collection
from mmembed.config.settings import Settings
from tests.collection.test_stable_pages import write
from tests.fake_encoder import FakeEncoder

settings = Settings.from_env({}, data=Path(sys.argv[1]), model="fake", decode_threads=2)
with Collection(settings, load=lambda name: FakeEncoder()) as collection:
    write(collection, [int(one) for one in sys.argv[2].split(",")], lambda: print("x", flush=True))
    sys.stdin.read()
"""


@pytest.fixture
def gallery(collection: Collection, picture: Callable[..., Path], photos: Path) -> Collection:
    """Three pictures of each colour."""
    for number, colour in enumerate(COLOURS):
        for seed in (0, 1, 2):
            picture(f"{colour}{seed}.png", colour, seed=seed and 10 * number + seed)
    collection.index([photos], progress=lambda *_: None)
    return collection


def write(collection: Collection, gone: Sequence[int], written: Callable[[], None]) -> None:
    """Remove these items, one for each picture that is added."""
    sizes = iter(range(20, 20 + 2 * len(gone)))
    for item_id, colour in zip(gone, list(COLOURS) * len(gone), strict=False):
        image = picture(colour, (next(sizes), 16))
        collection.add_image(image, name="new", captions=[f"red {colour}"], tags=["red"])
        collection.remove(item_id)
        written()


@contextmanager
def thread(gallery: Collection, gone: Sequence[int]) -> Iterator[Callable[[], object]]:
    """Writes in another thread; gives a function that waits for a change."""
    changed = threading.Semaphore(0)
    writer = threading.Thread(target=write, args=(gallery, gone, changed.release))
    writer.start()
    yield partial(changed.acquire, timeout=PATIENCE_S)
    writer.join(PATIENCE_S)


@contextmanager
def process(gallery: Collection, gone: Sequence[int]) -> Iterator[Callable[[], object]]:
    """Writes in another process; gives a function that waits for a change."""
    command = [sys.executable, "-c", WRITING, gallery.settings.data, ",".join(map(str, gone))]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, text=True, **pipes) as writer:  # type: ignore[call-overload]
        try:
            yield writer.stdout.readline
            writer.communicate("", PATIENCE_S)
        finally:
            writer.kill()
    assert writer.returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("writing", "terms", "mode", "strategy"),
    [
        *((thread, PLAIN, mode, "sum") for mode in ("hybrid", "words")),
        *((thread, COMPOSED, "hybrid", strategy) for strategy in STRATEGIES),
        *((process, PLAIN, mode, "sum") for mode in ("hybrid", "words")),
        (process, COMPOSED, "hybrid", "best"),
    ],
)
def test_pages_by_words_keep_the_order_of_the_first(
    gallery: Collection,
    writing: Callable[..., Any],
    terms: Sequence[Term],
    mode: SearchMode,
    strategy: Strategy,
) -> None:
    search = partial(gallery.search, terms, mode=mode, strategy=strategy)
    everything = ids_of(gallery.search(terms, k=100, mode="picture"))
    for number, item_id in enumerate(everything[::2]):
        gallery.update(item_id, captions=["red", f"a yellow number{number}"], tags=["red"])
    whole = ids_of(search(k=100))
    if strategy != "exclude":
        assert set(everything[::2]) <= set(whole)
        assert mode == "words" or sorted(whole) == sorted(everything)
    page = search(k=2)
    shown, gone = ids_of(page), whole[3::3]
    with writing(gallery, gone) as wait_for_change:
        for _ in gone:
            wait_for_change()
            if page.next_cursor is not None:
                page = search(k=2, cursor=page.next_cursor)
                shown += ids_of(page)
        while page.next_cursor is not None:
            page = search(k=2, cursor=page.next_cursor)
            shown += ids_of(page)
    assert shown == [item_id for item_id in whole if item_id in set(shown)]
    assert set(whole) - set(shown) <= set(gone)


def test_an_order_without_words_is_kept_when_captions_come(gallery: Collection) -> None:
    terms = [Term(text="red")]
    whole = ids_of(gallery.search(terms, k=100, mode="picture"))
    page = gallery.search(terms, k=4, mode="hybrid")
    shown = ids_of(page)
    for item_id in whole[::-2]:
        gallery.update(item_id, captions=["red"], tags=["red"])
        if page.next_cursor is not None:
            page = gallery.search(terms, k=4, mode="hybrid", cursor=page.next_cursor)
            shown += ids_of(page)
    assert shown == whole


@pytest.mark.slow
@pytest.mark.parametrize(
    ("writing", "terms", "strategy"),
    [
        *((thread, terms, one) for terms in (COMPOSED[:1], COMPOSED) for one in STRATEGIES),
        pytest.param(process, COMPOSED[:1], "sum", marks=pytest.mark.slow),
        pytest.param(process, COMPOSED, "best", marks=pytest.mark.slow),
        pytest.param(process, COMPOSED, "exclude", marks=pytest.mark.slow),
    ],
)
def test_pages_keep_the_order_of_the_first(
    gallery: Collection, writing: Callable[..., Any], terms: Sequence[Term], strategy: Strategy
) -> None:
    whole = ids_of(gallery.search(terms, k=100, strategy=strategy))
    first = gallery.search(terms, k=2, strategy=strategy)
    pages, page, gone = [ids_of(first)], first, whole[4::3]
    with writing(gallery, gone) as wait_for_change:
        for _ in gone:
            wait_for_change()
            if page.next_cursor is None:
                continue
            page = gallery.search(terms, k=2, strategy=strategy, cursor=page.next_cursor)
            pages.append(ids_of(page))
        while page.next_cursor is not None:
            page = gallery.search(terms, k=2, strategy=strategy, cursor=page.next_cursor)
            pages.append(ids_of(page))
    shown = [item_id for one in pages for item_id in one]
    assert shown == [item_id for item_id in whole if item_id in set(shown)]
    assert set(whole) - set(shown) <= set(gone)
    assert set(whole) - set(shown)  # some went before they were shown
    assert {len(one) for one in pages[:-1]} == {2}


@pytest.mark.slow
def test_another_process_goes_on_where_a_page_ended(
    gallery: Collection, open_collection: OpenCollection
) -> None:
    for strategy in STRATEGIES:
        whole = ids_of(gallery.search(COMPOSED, k=100, strategy=strategy))
        cursor = gallery.search(COMPOSED, k=3, strategy=strategy).next_cursor
        new = gallery.add_image(picture("red", (30, 16)), name="new")
        rest = open_collection().search(COMPOSED, k=100, strategy=strategy, cursor=cursor)
        assert ids_of(rest) == whole[3:]
        gallery.remove(new.id)


def test_a_cursor_belongs_to_its_query(gallery: Collection) -> None:
    red = [Term(text="red")]
    cursor = gallery.search(red, k=2).next_cursor
    for terms, options in (
        ([Term(text="blue")], {}),
        ([*red, Term(text="blue")], {}),
        (red, {"kind": "caption"}),
        (red, {"where": parse_where("width>3")}),
        (red, {"strategy": "best"}),
    ):
        with pytest.raises(QueryError, match="it belongs to another query"):
            gallery.search(terms, cursor=cursor, **options)
    assert gallery.search([Term(text="red", name="q")], k=5, cursor=cursor).hits


def ids_of(page: SearchPage) -> list[int]:
    return [hit.item.id for hit in page.hits]
