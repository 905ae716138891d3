from __future__ import annotations

import mmembed


def test_public_names_are_pinned() -> None:
    assert mmembed.__all__ == [
        "Classified",
        "Collection",
        "Encoder",
        "Filter",
        "Hit",
        "ImageInput",
        "Item",
        "Label",
        "MmembedError",
        "SearchPage",
        "Settings",
        "Term",
        "load_encoder",
    ]


def test_every_public_name_is_there_and_documented() -> None:
    for name in mmembed.__all__:
        assert getattr(mmembed, name).__doc__
