"""Searching a collection: what is found, in which order, page after page."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mmembed.collection.collection import Collection
from mmembed.errors import InputError, ModelMismatch, NotFound, QueryError
from mmembed.filters.parse import parse_where, with_all
from mmembed.filters.tree import EVERYTHING, Where
from mmembed.ingest import Report
from mmembed.store.entries import ImageEntry
from mmembed.types import Kind, SearchMode, Term
from tests.fake_encoder import COLOURS, DIM, FakeEncoder
from tests.folder_store import folder_store
from tests.serving import open_collection as open_one
from tests.serving import picture as encoded

MakePicture = Callable[..., Path]
Index = Callable[..., Report]
OpenCollection = Callable[..., Collection]


def write_gallery(photos: Path) -> None:
    """A picture of each colour, each with two captions, in two folders."""
    for number, colour in enumerate(COLOURS):
        path = photos / ("warm" if number < 3 else "cold") / f"{colour}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(colour, (16, 16)))
        path.with_suffix(".txt").write_text(f"a {colour} bus\nsomething {colour} in the street")


@pytest.fixture
def gallery(collection: Collection, index: Index, photos: Path) -> Collection:
    """See `write_gallery`."""
    write_gallery(photos)
    index()
    return collection


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collection]:
    """A gallery for tests that change nothing in it."""
    folder = tmp_path_factory.mktemp("shown")
    write_gallery(folder / "photos")
    with closing(open_one(folder / "data")) as collection:
        collection.index([folder / "photos"], progress=lambda *_: None)
        yield collection


def names(collection: Collection, query: Any, **options: Any) -> list[str]:
    """Stems of the files found, best first."""
    term = query if isinstance(query, Term) else Term(text=query)
    return [
        Path(hit.item.path or "").stem for hit in collection.search([term], k=3, **options).hits
    ]


def everything(
    collection: Collection,
    k: int,
    *,
    kind: Kind = "image",
    where: Where = EVERYTHING,
    mode: SearchMode | None = None,
) -> list[int]:
    """The ids on all pages of a search for red."""
    found: list[int] = []
    cursor = None
    while True:
        page = collection.search(
            [Term(text="red")], k=k, kind=kind, cursor=cursor, where=where, mode=mode
        )
        found += [hit.item.id for hit in page.hits]
        cursor = page.next_cursor
        if cursor is None:
            return found
        assert len(page.hits) == k


# -- what is found ---------------------------------------------------------------------


@pytest.mark.parametrize("colour", COLOURS)
def test_words_find_pictures_and_captions(shown: Collection, colour: str) -> None:
    assert names(shown, f"a {colour} car")[0] == colour
    hits = shown.search([Term(text=f"a {colour} car")], k=2, kind="caption").hits
    assert all(colour in str(hit.item.caption) for hit in hits)
    assert hits[0].item.image_id is not None
    assert -1 <= hits[1].score <= hits[0].score <= 1
    assert 0 <= hits[1].relevance <= hits[0].relevance <= 1


def test_a_picture_finds_pictures_and_captions(shown: Collection, picture: MakePicture) -> None:
    blue = picture("../blue query.png", "blue", seed=5).read_bytes()
    assert names(shown, Term(image=blue))[0] == "blue"
    [hit, *_] = shown.search([Term(image=blue)], kind="caption").hits
    assert "blue" in str(hit.item.caption)


def test_more_like_an_item_finds_itself_first(shown: Collection) -> None:
    [hit, *_] = shown.search([Term(text="green")]).hits
    [same, *_] = shown.search([Term(item=hit.item.id)]).hits
    assert same.item.id == hit.item.id
    assert same.score == pytest.approx(1, abs=1e-3)


def test_terms_mix_and_lead_away(shown: Collection) -> None:
    mixed = [Term(text="red"), Term(text="blue")]
    hits = shown.search(mixed, k=2).hits
    assert {Path(hit.item.path or "").stem for hit in hits} == {"red", "blue"}
    away = [Term(text="red"), Term(text="blue"), Term(text="red", weight=-1.0)]
    assert Path(shown.search(away, k=1).hits[0].item.path or "").stem == "blue"


def test_kinds_are_never_ranked_together(shown: Collection) -> None:
    for kind, count in (("image", 12), ("caption", 24)):
        hits = shown.search([Term(text="red")], k=100, kind=kind).hits  # type: ignore[arg-type]
        assert {hit.item.kind for hit in hits} == {kind}
        assert len(hits) == count


def test_an_empty_collection_finds_nothing(collection: Collection) -> None:
    page = collection.search([Term(text="red")])
    assert (page.hits, page.next_cursor) == ((), None)


def test_a_long_query_says_that_it_was_averaged(shown: Collection) -> None:
    page = shown.search([Term(text="red " * 100)], k=1)
    assert "averages its 2 parts" in page.notes[0]
    assert shown.search([Term(text="red")], k=1).notes == ()


@pytest.mark.parametrize(
    ("terms", "options", "error"),
    [
        ([], {}, QueryError),
        ([Term(text=" ")], {}, QueryError),
        ([Term(text="red", item=1)], {}, QueryError),
        ([Term(item=10**9)], {}, NotFound),
        ([Term(item=2**80)], {}, NotFound),
        ([Term(image=b"no picture")], {}, InputError),
        ([Term(text="red")], {"cursor": "nonsense"}, QueryError),
        ([Term(text="red")], {"k": 0}, QueryError),
    ],
)
def test_a_search_that_makes_no_sense_says_so(
    shown: Collection, terms: list[Term], options: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        shown.search(terms, **options)


# -- order and pages -------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("exact_limit", [5, 50_000])
def test_pages_of_any_size_make_the_same_list(
    open_collection: OpenCollection, gallery: Collection, exact_limit: int
) -> None:
    collection = open_collection(exact_limit=exact_limit)
    every = (("image", "picture", 12), ("image", "hybrid", 12), ("image", "words", 1))
    for kind, mode, count in (*every, ("caption", "picture", 24)):
        whole = everything(collection, 100, kind=kind, mode=mode)  # type: ignore[arg-type]
        assert len(whole) == len(set(whole)) == count
        for k in (1, 2, 5, 11, 12, 13):
            pages = everything(collection, k, kind=kind, mode=mode)  # type: ignore[arg-type]
            assert pages == whole


@pytest.mark.slow
def test_cells_and_exact_search_agree(open_collection: OpenCollection, gallery: Collection) -> None:
    large = open_collection(exact_limit=5)
    for colour in COLOURS:
        terms = [Term(text=f"a {colour} thing")]
        for kind in ("image", "caption"):
            expected = gallery.search(terms, k=12, kind=kind).hits
            assert large.search(terms, k=12, kind=kind).hits == expected


def _write(collection: Collection, path: str, vector: Any, content: str) -> ImageEntry:
    collection._claimed()
    row = np.asarray(vector, dtype=np.float32)
    return ImageEntry(path, content, row, 1, 1, 1, "PNG", 1)


@pytest.mark.slow
def test_ten_thousand_copies_are_all_returned_and_spoil_nothing(
    gallery: Collection, open_collection: OpenCollection
) -> None:
    red = gallery.binding.item(gallery.search([Term(text="red")], k=1).hits[0].item.id)
    copies = [_write(gallery, f"/copies/{i:05}", red, "copy") for i in range(10_000)]
    gallery.store.write(copies)
    for collection in (gallery, open_collection(exact_limit=5)):
        assert len(set(everything(collection, 1000))) == 10_012
        found = everything(collection, 1000, mode="picture")
        assert len(found) == len(set(found)) == 10_012
        assert found[:10_001] == sorted(found[:10_001])
        assert names(collection, "a blue bus")[0] == "blue"
    assert folder_store(gallery).extent("image")[1] == 12


@pytest.mark.slow
def test_equal_vectors_of_different_contents_do_not_hurt_either(
    gallery: Collection, open_collection: OpenCollection
) -> None:
    row = np.eye(DIM)[3]
    entries = [_write(gallery, f"/same/{i}", row, f"content {i}") for i in range(3000)]
    random = np.random.default_rng(0).normal(size=(300, DIM))
    entries += [_write(gallery, f"/other/{i}", r, f"other {i}") for i, r in enumerate(random)]
    ids = gallery.store.write(entries)
    assert folder_store(gallery).extent("image")[1] == 12 + 1 + 300
    large = open_collection(exact_limit=5)
    for number in range(0, 300, 10):
        [hit] = large.search([Term(item=ids[3000 + number])], k=1).hits
        assert hit.item.id == ids[3000 + number]


# -- filters ---------------------------------------------------------------------------


def test_a_filter_narrows_the_search(gallery: Collection, photos: Path) -> None:
    warm = with_all(EVERYTHING, folder=str(photos / "warm"))
    assert names(gallery, "blue", where=warm) != names(gallery, "blue")
    assert sorted(names(gallery, "blue", where=warm)) == ["orange", "red", "yellow"]
    assert names(gallery, "red", where=with_all(EVERYTHING, folder=str(photos / "war"))) == []
    for kind, count in (("image", 3), ("caption", 6)):
        found = everything(gallery, 2, kind=kind, where=warm)  # type: ignore[arg-type]
        assert len(found) == len(set(found)) == count


@pytest.mark.parametrize("exact_limit", [5, 50_000])
def test_a_filter_finds_all_that_match_however_few(
    gallery: Collection, open_collection: OpenCollection, exact_limit: int
) -> None:
    collection = open_collection(exact_limit=exact_limit)
    worst = everything(collection, 100)[-2:]
    for item_id in worst:
        collection.update(item_id, tags=["rare", f"only {item_id}"])
    assert everything(collection, 1, where=with_all(EVERYTHING, ["rare"])) == worst
    only = with_all(EVERYTHING, ["rare", f"only {worst[0]}"])
    assert everything(collection, 5, where=only) == worst[:1]
    assert everything(collection, 5, where=with_all(EVERYTHING, ["none"])) == []


def test_a_copy_outside_the_filter_is_not_shown(gallery: Collection, photos: Path) -> None:
    [hit] = gallery.search([Term(text="red")], k=1).hits
    vector = gallery.binding.item(hit.item.id)
    gallery.store.write([_write(gallery, "/elsewhere/red.png", vector, hit.item.sha256)])
    assert len(everything(gallery, 3, where=parse_where({"folder": str(photos)}))) == 12
    assert len(everything(gallery, 3)) == 13


# -- others at work --------------------------------------------------------------------


def test_what_another_process_writes_is_found_at_once(
    gallery: Collection, open_collection: OpenCollection, picture: MakePicture
) -> None:
    server = open_collection()
    assert names(server, "red")[0] == "red"
    upload = gallery.add_image(picture("new.png", "red", seed=3).read_bytes(), name="new")
    assert upload.id in everything(server, 5)
    gallery.remove(upload.id)
    [red] = [hit.item.id for hit in gallery.search([Term(text="red")], k=1).hits]
    gallery.remove(red)
    assert {upload.id, red}.isdisjoint(everything(server, 5))
    assert len(everything(server, 5)) == 11


def test_nothing_is_shown_twice_while_pictures_come_and_go(
    gallery: Collection, picture: MakePicture
) -> None:
    shown: list[int] = []
    cursor = None
    for number in range(100):
        page = gallery.search([Term(text="red")], k=2, cursor=cursor)
        shown += [hit.item.id for hit in page.hits]
        cursor = page.next_cursor
        if cursor is None:
            break
        if number < 4:
            data = picture("new.png", list(COLOURS)[number], seed=number + 9).read_bytes()
            gallery.add_image(data, name="new")
            gallery.remove(shown[-2])
    assert len(shown) == len(set(shown)) >= 12


def test_a_folder_of_another_model_is_refused_and_left_as_it_is(
    gallery: Collection, open_collection: OpenCollection, index: Index, photos: Path
) -> None:
    other = open_collection()
    other.embedder.model._load = lambda: FakeEncoder("another")
    with pytest.raises(ModelMismatch, match="fake"):
        other.index([photos, Path(__file__).parents[1] / "golden"], progress=lambda *_: None)
    with pytest.raises(ModelMismatch):
        other.search([Term(text="red")])
    assert gallery.store.count("image") == 12
    assert len(everything(gallery, 5)) == 12


def test_a_published_collection_is_not_rebuilt_by_the_next_start(
    gallery: Collection, open_collection: OpenCollection, caplog: pytest.LogCaptureFixture
) -> None:
    expected = everything(gallery, 5)
    open_collection(exact_limit=5).rebuild()
    next_start = open_collection(exact_limit=5)
    folder_store(next_start)._views._read = None  # type: ignore[assignment, method-assign]
    assert everything(next_start, 5) == expected
    assert caplog.text == ""


# -- pictures and thumbnails -----------------------------------------------------------


def test_removing_an_item_never_deletes_the_users_file(gallery: Collection, photos: Path) -> None:
    [hit] = gallery.search([Term(text="red")], k=1).hits
    gallery.remove(hit.item.id)
    assert (photos / "warm" / "red.png").exists()
    with pytest.raises(NotFound):
        gallery.remove(hit.item.id)


def test_a_thumbnail_is_rendered_once(gallery: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    [hit] = gallery.search([Term(text="red")], k=1).hits
    first, _ = gallery.thumbnail(hit.item.id, 320)
    with Image.open(io.BytesIO(first)) as image:
        assert (image.format, image.size) == ("WEBP", (16, 16))
    [cached] = (gallery.settings.data / "thumbnails").rglob("*.webp")
    with Image.open(cached) as image:  # whatever opens WebP opens what is kept, too
        assert (image.format, image.size) == ("WEBP", (16, 16))
    monkeypatch.setattr(
        "mmembed.collection.editing.decode", lambda *_, **__: pytest.fail("rendered again")
    )
    assert gallery.thumbnail(hit.item.id, 320)[0] == first


@pytest.mark.parametrize("rest", ["", "RIFF", "half", "as long", "of another picture"])
def test_a_thumbnail_that_is_damaged_is_rendered_again(gallery: Collection, rest: str) -> None:
    hit, other = gallery.search([Term(text="red")], k=2).hits
    gallery.thumbnail(other.item.id, 320)
    [strange] = (gallery.settings.data / "thumbnails").rglob("*.webp")
    first, _ = gallery.thumbnail(hit.item.id, 320)
    [cached] = (gallery.settings.data / "thumbnails").rglob(f"{hit.item.sha256}*.webp")
    whole = cached.read_bytes()
    damaged = {
        "half": whole[: len(whole) // 2],
        "as long": whole[:40] + bytes([whole[40] ^ 1]) + whole[41:],
        "of another picture": strange.read_bytes(),
    }
    cached.write_bytes(damaged.get(rest, rest.encode()))
    assert gallery.thumbnail(hit.item.id, 320)[0] == first
    assert cached.read_bytes() == whole


# -- changing items --------------------------------------------------------------------


def test_captions_given_by_hand_are_found(gallery: Collection) -> None:
    [hit] = gallery.search([Term(text="red")], k=1).hits
    item = gallery.update(hit.item.id, captions=["turquoise sea", "grey sky"])
    assert item.captions == ("turquoise sea", "grey sky")
    [found, *_] = gallery.search([Term(text="grey sky")], k=1, kind="caption").hits
    assert found.item.image_id == item.id
    gallery.remove(found.item.id)
    assert gallery.store.item(item.id).captions == ("turquoise sea",)
    with pytest.raises(QueryError, match="only an image has captions"):
        gallery.update(gallery.add_caption("lone").id, captions=["x"])


def test_a_lone_caption_is_found(gallery: Collection) -> None:
    caption = gallery.add_caption("a purple balloon", tags=["lone"])
    page = gallery.search([Term(text="purple balloon")], kind="caption", k=1)
    assert page.hits[0].item == gallery.store.page(after=caption.id - 1, limit=1, kind=None)[0]
