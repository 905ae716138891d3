from __future__ import annotations

import mmembed


def test_public_names_are_pinned() -> None:
    assert mmembed.__all__ == [
        "Classified",
        "Collection",
        "Encoder",
        "Hit",
        "ImageInput",
        "Item",
        "Label",
        "MmembedError",
        "SearchPage",
        "Settings",
        "Term",
        "Where",
        "load_encoder",
        "parse_where",
    ]


def test_every_public_name_is_there_and_documented() -> None:
    for name in mmembed.__all__:
        assert getattr(mmembed, name).__doc__
