"""Labels and their examples on the command line."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mmembed.errors import InputError

if TYPE_CHECKING:
    from mmembed.collection.collection import Given

LARGEST_LIST = 16 * 2**20
"""Bytes of a file with labels."""


def add_label_options(parser: argparse.ArgumentParser) -> None:
    """--labels, --example, --wordless, --template and --mode."""
    take = parser.add_argument
    take(
        "--labels", metavar="A,B,…|@FILE",
        help="or a file with one a line (default: the labels of the examples)",
    )  # fmt: skip
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


def labels_of(text: str | None) -> list[str]:
    """The labels of `a,b` or `@file`. Raises InputError."""
    if text is None:
        return []
    parts = _lines(text[1:]) if text.startswith("@") else text.split(",")
    return [label for part in parts if (label := part.strip())]


def _lines(path: str) -> list[str]:
    try:
        with open(path, "rb") as file:
            content = file.read(LARGEST_LIST + 1)  # a device might never end
        if len(content) > LARGEST_LIST:
            raise InputError(f"{path}: over {LARGEST_LIST:,} bytes, the limit of a list of labels")
        return content.decode("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise InputError(f"{path}: the labels cannot be read: {error}") from error


def thresholds_of(thresholds: Sequence[str]) -> dict[str, float]:
    """The lowest probabilities by label. Raises InputError for one that is written otherwise."""
    found: dict[str, float] = {}
    for one in thresholds:
        label, _, number = one.rpartition("=")
        try:
            found[label.strip()] = float(number)
        except ValueError:
            raise InputError(f"--threshold {one}: expected LABEL=NUMBER, such as cat=0.4") from None
    return found


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
