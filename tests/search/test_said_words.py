"""A query is said where an image has all its words."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mmembed.store.entries import CaptionEntry, ImageEntry, Model
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
