"""Labels and their examples on the command line."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mmembed.errors import InputError

if TYPE_CHECKING:
    from mmembed.collection.collection import Given


def add_label_options(parser: argparse.ArgumentParser) -> None:
    """--example, --wordless, --template and --mode."""
    take = parser.add_argument
    take(
        "--example", action="append", default=[], metavar="LABEL=FILE",
        help="a known case of a label: a picture's file, item:ID, or text:WORDS; may be repeated",
    )  # fmt: skip
    take(
        "--wordless", action="append", default=[], metavar="LABEL",
        help="a label that is a mere name: its examples alone count; may be repeated",
    )  # fmt: skip
    take(
        "--template", action="append", metavar="T",
        help="prompt in which {} is the label; may be repeated, the results are averaged",
    )  # fmt: skip
    take(
        "--mode", choices=("softmax", "sigmoid", "multi"),
        help="one label of many; each for itself; or each for itself against other texts "
        "(default: softmax or sigmoid, as the model was trained)",
    )  # fmt: skip


def labels_of(text: str | None, examples: Sequence[str]) -> list[str]:
    """The labels of `a,b` or `@file`; without either, those that the examples name. Raises
    InputError."""
    if text is None:
        return list(dict.fromkeys(_parted(one)[0] for one in examples))
    if not text.startswith("@"):
        return [label.strip() for label in text.split(",") if label.strip()]
    try:
        lines = Path(text[1:]).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{text[1:]}: the labels cannot be read: {error}") from error
    return [line.strip() for line in lines if line.strip()]


def examples_of(examples: Sequence[str]) -> dict[str, list[Given]]:
    """The examples by label. Raises InputError for one that is written otherwise."""
    found: dict[str, list[Given]] = {}
    for one in examples:
        label, case = _parted(one)
        found.setdefault(label, []).append(_given(one, case))
    return found


def _parted(example: str) -> tuple[str, str]:
    label, equals, case = example.partition("=")
    if not equals or not label.strip() or not case:
        raise InputError(f"--example {example}: expected LABEL=FILE, LABEL=item:ID or LABEL=text:…")
    return label.strip(), case


def _given(example: str, case: str) -> Given:
    from mmembed.collection.collection import ImageInput  # takes a while

    kind, colon, value = case.partition(":")
    if colon and kind == "text":
        return value
    if colon and kind == "item":
        if not value.isdecimal():
            raise InputError(f"--example {example}: expected the id of an item after item:")
        return ImageInput(f"item {value}", item=int(value))
    return ImageInput(case, path=Path(case))
