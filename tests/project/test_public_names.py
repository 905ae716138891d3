from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

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


def test_every_class_of_the_package_has_a_name_of_its_own() -> None:
    """Names with an underscore count for their module alone."""
    names = Counter(
        node.name
        for file in Path(mmembed.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert [name for name, count in names.items() if count > 1] == []
