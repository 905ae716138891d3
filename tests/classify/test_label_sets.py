"""Sets of labels survive as records; names and damage are told plainly."""

from __future__ import annotations

import json

import pytest

from mmembed.classify.label_sets import (
    MOST_EXAMPLES,
    Example,
    LabelSet,
    SetLabel,
    check_name,
    name_from,
)
from mmembed.errors import LimitError, QueryError, StoreError

SET = LabelSet(
    "Näme with 1 blank",
    (
        SetLabel("cat", (Example("item 3", item=3, content="ab"), Example("t", text="a kitten"))),
        SetLabel("B", (Example("b.jpg", vector=b"\0<\0<", model="f"),), words=False, threshold=0.5),
    ),
    templates=("a {}",),
    mode="softmax",
    collection="c",
)


def test_a_set_comes_back_from_its_record() -> None:
    assert LabelSet.from_bytes(SET.name, SET.to_bytes()) == SET
    assert SET.examples == 3
    assert [one.kind for label in SET.labels for one in label.examples] == [
        "item", "text", "picture",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["", " a", "a ", "-a", "a/b", "a\nb", "x" * 101, "a?b"])
def test_a_name_stands_in_an_address(name: str) -> None:
    with pytest.raises(QueryError, match="a name has up to 100"):
        LabelSet(name, (SetLabel("cat"),))


@pytest.mark.parametrize(
    ("text", "name"),
    [("places", "places"), ("my (1) file!", "my -1- file-"), ("..x", "x"), ("été 🦊", "été -"),
     ("x" * 200, "x" * 100), ("()", ""), ("", "")],
)  # fmt: skip
def test_a_name_is_made_of_any_text(text: str, name: str) -> None:
    assert name_from(text) == name
    if name:
        assert check_name(name) == name


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (SetLabel("A", words=False), "'A': has neither words nor examples"),
        (SetLabel("A", threshold=1.5), "'A': threshold 1.5"),
        (SetLabel("A", (Example("x"),)), "x: expected exactly one of item, text and vector"),
        (SetLabel(" "), r"labels\[0\]: is blank"),
    ],
)
def test_labels_that_make_no_sense_are_refused(label: SetLabel, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        LabelSet("s", (label,))


def test_too_many_examples_are_refused() -> None:
    examples = tuple(Example(f"item {i}", item=i + 1) for i in range(MOST_EXAMPLES + 1))
    with pytest.raises(LimitError, match=f"limit {MOST_EXAMPLES}"):
        LabelSet("s", (SetLabel("cat", examples),))


@pytest.mark.parametrize(
    "record",
    [b"", b"[]", b"{}", SET.to_bytes()[:-20], SET.to_bytes().replace(b'"cat"', b'" "'),
     SET.to_bytes().replace(b'"softmax"', b'"hard"'),
     SET.to_bytes().replace(b"ADwAPA==", b"*")],
)  # fmt: skip
def test_a_damaged_record_is_named(record: bytes) -> None:
    assert record != SET.to_bytes()
    with pytest.raises(StoreError, match="label set 's': its record is damaged"):
        LabelSet.from_bytes("s", record)


def test_a_record_of_a_later_version_is_not_read() -> None:
    later = json.dumps({**json.loads(SET.to_bytes()), "layout": 2}).encode()
    with pytest.raises(StoreError, match="its layout is 2, and this version reads 1"):
        LabelSet.from_bytes("s", later)
