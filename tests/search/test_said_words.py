"""A query is said where an image has all its words."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mmembed.search.said_words import HARDLY_TELLING, images_saying, without_little
from mmembed.store.entries import CaptionEntry, ImageEntry, Model, WordMatches
from mmembed.store.protocol import Store
from tests.contracts.memory_store import MemoryStore
from tests.search.queries import by_words

ROW = np.array((1, 2, 3, 4), np.float32)
CAPTIONS = ("A banana lies on the red table.", "two dogs run", "no smoking", "bananas for sale")


@pytest.fixture
def said(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., bool]:
    """Whether a query is said; half of the eight images have no caption."""
    store: Store = MemoryStore(tmp_path_factory.mktemp("store"))
    store.claim(Model("four", "fingerprint", 4))
    store.write(
        [
            ImageEntry(
                f"/photos/{number}.jpg", f"sha {number}", ROW + number, 4, 3, 99, "JPEG", 7,
                captions=tuple(CaptionEntry(text, ROW) for text in CAPTIONS[number : number + 1]),
                tags=("everywhere",),
            )
            for number in range(8)
        ]
    )  # fmt: skip

    def of(text: str, *, words_only: bool = False) -> bool:
        return by_words(store, text, ROW, words_only=words_only).page(3, None).is_said

    return of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("banana", True),
        ("Bananas", True),
        ("a banana on a table", True),
        ("banana everywhere", True),
        ("banan", False),  # the beginning of a word
        ("banana dog", False),  # of two images
        ("dogs without smoking", False),
        ("no smoking", True),
        ("everywhere", False),  # all images have it
        ("photos", False),
        ("the", False),
        ("nothing", False),
        ("", False),
    ],
)
def test_all_words_of_one_image_are_said(
    said: Callable[..., bool], text: str, expected: bool
) -> None:
    assert said(text) == expected
    assert said(text, words_only=True) == expected


def matches(asked: tuple[str, ...], *words: tuple[str, ...]) -> WordMatches:
    return WordMatches(
        np.arange(len(words)), np.ones(len(words)), words, 1.0, complete=True, asked=asked,
        weights=(1.0,) * len(asked),
    )  # fmt: skip


def test_little_words_alone_find_nothing_if_the_query_has_others() -> None:
    found = matches(("a", "dog"), ("a",), ("dog",), ("a", "dog"))
    left = without_little(found)
    assert (left.item_ids.tolist(), left.words) == ([1, 2], (("dog",), ("a", "dog")))
    assert len(left.scores) == 2
    assert without_little(left) is left
    to_be = matches(("to", "be"), ("to",), ("be",))
    assert without_little(to_be).item_ids.tolist() == [1]
    only = matches(("to", "the"), ("to",))
    assert without_little(only) is only


def test_a_negative_text_is_said_of_images_with_all_its_words() -> None:
    red_clothes = matches(("red", "clothes"), ("red",), ("red", "clothes"))
    assert images_saying(red_clothes, HARDLY_TELLING) == {1}
    assert not images_saying(red_clothes, telling=1.1)  # words that most images have
