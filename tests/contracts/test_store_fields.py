"""What every store knows of the fields by which items can be filtered."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mmembed.errors import LimitError, NotFound
from mmembed.filters.fields import FIELDS
from mmembed.filters.tree import Test as Condition
from mmembed.store.entries import CaptionEntry, FieldFacts, ImageEntry, Reading, Words
from mmembed.store.protocol import Store

Entry = Callable[..., ImageEntry]


def said(fields: str) -> Reading:
    """What one manifest says of an image: a JSON object."""
    return Reading(Words(fields={"/m.csv": fields}), lambda source: True)


def facts_of(store: Store) -> dict[str, FieldFacts]:
    return {facts.name: facts for facts in store.fields()}


def test_an_empty_store_knows_the_fields_of_every_collection(store: Store) -> None:
    assert [facts.name for facts in store.fields()] == list(FIELDS)
    assert all(facts.items == 0 for facts in store.fields())


def test_items_with_a_value_are_counted(store: Store, entry: Entry) -> None:
    caption = CaptionEntry("it", np.ones(4, dtype=np.float32))
    store.write([entry("/a", tags=("x", "y"), captions=(caption,)), entry("/b")])
    facts = facts_of(store)
    assert (facts["kind"].items, facts["width"].items, facts["tag"].items) == (3, 2, 1)
    assert facts["caption"].items == 2  # the image and the caption itself


def test_fields_of_manifests_follow_the_manifests(store: Store, entry: Entry) -> None:
    [first, _] = store.write(
        [
            entry("/a", reading=said('{"author": "Ann", "year": 1999}')),
            entry("/b", reading=said('{"author": "Bob"}')),
        ]
    )
    facts = facts_of(store)
    assert list(facts)[-2:] == ["meta.author", "meta.year"]
    assert facts["meta.author"] == FieldFacts("meta.author", "text", 2, ("Ann", "Bob"))
    assert (facts["meta.year"].type, facts["meta.year"].items) == ("number", 1)
    assert store.described_by_files() >= {first}
    assert store.count("image", Condition("meta.author", "=", "Ann")) == 1
    assert store.count("image", Condition("meta.year", "<", 2000)) == 1
    assert store.item(first).meta == {"author": "Ann", "year": 1999}
    store.describe([(first, said("{}"), [])])
    assert "meta.year" not in facts_of(store)
    assert facts_of(store)["meta.author"].items == 1


def test_an_index_comes_and_goes_and_changes_no_answer(store: Store, entry: Entry) -> None:
    store.write([entry("/a", reading=said('{"author": "Ann"}'))])
    with pytest.raises(NotFound, match=r"meta\.author"):
        store.drop_field_index("author")
    store.index_field("author")
    store.index_field("author")
    assert facts_of(store)["meta.author"].indexed
    assert store.check() == []
    store.drop_field_index("author")
    assert not facts_of(store)["meta.author"].indexed


def test_one_index_too_many_is_refused(store: Store) -> None:
    for number in range(20):
        store.index_field(f"field {number}")
    with pytest.raises(LimitError, match="limit 20"):
        store.index_field("one more")
    store.index_field("field 7")  # it is there
