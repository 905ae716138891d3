"""What every store lets pass, and what it knows of the fields that manifests bring."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from mmembed.errors import LimitError, NotFound
from mmembed.filters.parse import parse_where
from mmembed.store.entries import CaptionEntry, ImageEntry, Reading, Words
from mmembed.store.protocol import Store
from tests.conftest import image_entry

Entry = Callable[..., ImageEntry]


def said(**fields: Any) -> Reading:
    """What a manifest says that was read whole."""
    return Reading(Words(fields={"/m.jsonl": json.dumps(fields)}), lambda source: True)


def fill(store: Store) -> Store:
    """Three images: a, b below /p, and c below /q; and a caption of no image."""
    texts = [CaptionEntry(text, np.ones(4, np.float32)) for text in ("A Dog", "50% [sale]*")]
    store.write(
        [
            image_entry(
                "/p/a", width=4000, height=3000, bytes=5_000_000, tags=("x",), mtime_ns=10**18
            ),
            image_entry(
                "/p/in/b", width=3000, height=4000, bytes=1, format="PNG", captions=(texts[0],)
            ),
            image_entry("/q/c", width=9, height=9, captions=tuple(texts), tags=("x", "Y")),
        ]
    )
    store.write_caption(CaptionEntry("a dog alone", np.ones(4, np.float32)))
    images = store.page(after=0, limit=9, kind="image")
    rows = [said(author="Ann", stars=5), said(author="Bob", stars="5", people=["Ann", 7])]
    store.describe([(image.id, row, ()) for image, row in zip(images, rows, strict=False)])
    return store


@pytest.fixture(scope="module")
def filled(shared: Store) -> Store:
    return fill(shared)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("", "abc"),
        ("folder:/p", "ab"),
        ("folder:/p/in,/q", "bc"),
        ("-folder:/p", "c"),
        ("path^/p/i", "b"),
        ("path=/q/c", "c"),
        ("tag:x", "ac"),
        ("tag:x tag:Y", "c"),
        ("tag:y", ""),
        ("tag~y", "c"),
        ("tag!=x", "b"),
        ("-has:tag", "b"),
        ("caption:dog", "bc"),
        ("caption=dog", ""),
        ("caption:50%", "c"),
        ('caption:"[sale]*"', "c"),
        ("caption^A", "bc"),
        ("has:caption", "bc"),
        ("format:png", "b"),
        ("width>=4000", "a"),
        ("width:9..3000", "bc"),
        ("megapixels:12", "ab"),
        ("orientation:portrait,square", "bc"),
        ("bytes>=5MB", "a"),
        ("(width>3000 or tag:Y) -format:png", "ac"),
        ("not (width>3000 or tag:Y)", "b"),
        ("date>=2001-09-08", "a"),
        ("date<1971", "bc"),
        ("has:camera or has:latitude", ""),
        ('camera!="Pixel 7"', "abc"),
        ("added>=2020", "abc"),
        ("meta.author=Ann", "a"),
        ("meta.author!=Ann", "bc"),
        ("meta.author~an", "a"),
        ("meta.stars=5", "ab"),
        ('meta.stars="5"', "ab"),
        ("meta.people=Ann meta.people>6", "b"),
        ("-has:meta.author", "c"),
    ],
)
def test_a_filter_passes_the_same_in_every_store(filled: Store, words: str, names: str) -> None:
    where = parse_where(words)
    page = filled.page(after=0, limit=9, kind="image", where=where)
    assert "".join((item.path or "")[-1] for item in page) == names
    assert filled.count("image", where) == len(names)
    found = filled.search(np.array([1, 0, 0, 0], np.float32), 9, where, kind="image")
    assert sorted((item.path or "")[-1] for item, _ in found.hits) == list(names)


def test_captions_of_no_image_pass_by_what_they_have(filled: Store) -> None:
    assert filled.count("caption", parse_where("caption:alone")) == 1
    assert filled.count(None, parse_where("kind:caption caption:dog -has:path")) == 1


def test_fields_are_counted_and_indexed(store: Store) -> None:
    filled = fill(store)
    fields = {field.name: field for field in filled.fields()}
    assert (fields["width"].type, fields["width"].items) == ("number", 3)
    assert (fields["tag"].items, fields["camera"].items) == (2, 0)
    assert fields["meta.author"].examples == ("Ann", "Bob")
    assert set(fields["meta.stars"].type.split(", ")) == {"number", "text"}
    assert fields["meta.stars"].items == 2
    filled.index_field("author")
    filled.index_field("author")
    indexed = [field.name for field in filled.fields() if field.indexed]
    assert indexed == ["meta.author"]
    assert filled.count("image", parse_where("meta.author:Ann,Bob")) == 2
    filled.drop_field_index("author")
    with pytest.raises(NotFound, match=r"meta\.author: the field has no index"):
        filled.drop_field_index("author")
    for n in range(20):
        filled.index_field(f"n{n}")
    with pytest.raises(LimitError, match=r"meta\.one more"):
        filled.index_field("one more")


PRIVATE = [
    # what the field holds, and filters that the item passes
    (True, ["true", "TRUE", '"true"']),
    ("true", ["true", "True", '"true"']),
    ("TRUE", ["true", '"TRUE"']),
    (["no", "True"], ["true", "false,true"]),
    (5, ["5", "5.0", "+5", '"5"', "4,5", "4..6", '"5","6"']),
    ("5", ["5", "05", '"5"', "4..6", "..5", "7,5"]),
    ("1234567890123456", ["1234567890123456", '"1234567890123456"']),
    ("1e5", ["1e5", "100000", '"1e5"']),
    ("+1", ["+1", "1", '"+1"']),
    (".5", [".5", "0.5", '".5"']),
    ("007", ["007", '"007"']),
    (["a", "12"], ["12", "11,12"]),
]


@pytest.mark.slow
@pytest.mark.parametrize(("held", "written"), PRIVATE, ids=repr)
def test_not_leaves_out_what_a_value_means_in_any_file(
    store: Store, entry: Entry, held: Any, written: list[str]
) -> None:
    [image] = store.write([entry("/p/a")])
    store.describe([(image, said(private=held), ())])
    for value in written:
        assert store.count("image", parse_where(f"meta.private:{value}")) == 1, value
        assert store.count("image", parse_where(f"not meta.private:{value}")) == 0, value
        assert store.count("image", parse_where(f"meta.private!={value}")) == 0, value
    for value in ("false", "8", '"8"', "no-such"):
        assert store.count("image", parse_where(f"meta.private:{value}")) == 0, value


def test_json_filters_read_types_as_words_do(store: Store, entry: Entry) -> None:
    [image] = store.write([entry("/p/a")])
    store.describe([(image, said(public="TRUE", level="3", rank=4), ())])
    for fields in ({"meta.public": True}, {"meta.public": "true"}, {"meta.level": 3},
                   {"meta.rank": "4"}, {"meta.rank": ["1", "4"]}):  # fmt: skip
        assert store.count("image", parse_where({"not": fields})) == 0, fields
    above = {"field": "meta.level", "op": ">=", "value": 3}
    assert store.count("image", parse_where(above)) == 1


def test_items_by_their_ids_pass_a_filter_too(filled: Store) -> None:
    a, b, c = (item.id for item in filled.page(after=0, limit=9, kind="image"))
    found = filled.items([c, 99, b, a], parse_where("tag:x"))
    assert [item.path for item in found] == ["/q/c", "/p/a"]


def test_ids_of_items_rise_and_heed_filters(filled: Store) -> None:
    images = filled.page(after=0, limit=9, kind="image")
    found = filled.item_ids("image")
    assert found.dtype == np.int64
    assert found.tolist() == [image.id for image in images]
    some = filled.item_ids("image", parse_where("folder:/p"))
    assert some.tolist() == [image.id for image in images[:2]]
    assert filled.item_ids("caption", parse_where("folder:/nowhere")).tolist() == []
    assert len(filled.item_ids("caption")) == filled.count("caption")
