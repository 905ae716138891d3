"""`mmembed compare`"""

from __future__ import annotations

import argparse
import os
import sys
from itertools import combinations
from pathlib import Path
from string import ascii_uppercase
from typing import TYPE_CHECKING

from mmembed.cli.open_to_read import model_alone
from mmembed.cli.table import plain, print_json, table
from mmembed.config.settings import Settings
from mmembed.errors import InputError
from mmembed.types import Term

if TYPE_CHECKING:
    from mmembed.collection.comparing import InputComparison

DESCRIPTION = """\
Show how alike texts and pictures are, each with each: by their embeddings, and beside that by their
words alone. An input that is a file is a picture; every other is a text.

  mmembed compare "a dog runs" "a puppy is running" "a dog sleeps"
  mmembed compare "a dog" "a cat" basset.jpg
  mmembed compare "a red bicycle" --item 12 --item 15 --json

cosine     of the embeddings: 1 for the same direction
distance   Euclidean, of the same embeddings: √(2 − 2·cosine)
one-hot    cosine of the words, each an axis: 1 where a text has it
bag        the same with counts
tf-idf     counts times how rare a word is among these texts

docs/compare.md explains what each of them misses.
"""
PICTURE_ENDINGS = (
    ".jpg",
    ".jpeg",
    ".png",
    ".webp",
    ".gif",
    ".heic",
    ".avif",
    ".tif",
    ".tiff",
    ".bmp",
)
HEADS = ("pair", "cosine", "distance", "one-hot", "bag", "tf-idf")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    take = parser.add_argument
    take("inputs", nargs="*", metavar="TEXT|FILE", help="a text, or a picture's file")
    take(
        "--text", action="append", default=[], metavar="TEXT",
        help="a text, even if there is a file of that name; may be repeated",
    )  # fmt: skip
    take(
        "--item", type=int, action="append", default=[], metavar="ID",
        help="an item of the collection; may be repeated",
    )  # fmt: skip
    take("--json", action="store_true", help="print the matrices as JSON")


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Compare and print."""
    from mmembed.collection.comparing import check_count, comparison_json  # takes a while

    given = [_named(one) for one in arguments.inputs]
    check_count(len(given) + len(arguments.text) + len(arguments.item))
    with model_alone(settings) as collection:
        terms = [
            Term(text=one, name=one)
            if isinstance(one, str)
            else Term(image=collection.read_image(one), name=str(one))
            for one in (*given, *arguments.text)
        ]
        terms += [Term(item=item, name=f"item {item}") for item in arguments.item]
        comparison = collection.compare(terms)
        model = collection.model_name
    answer = comparison_json(comparison)
    if arguments.json:
        print_json({**answer, "model": model}, indent=None)
        return 0
    for letter, one in zip(_letters(len(comparison.inputs)), comparison.inputs, strict=True):
        print(f"{letter}  {plain(one.text or one.name)}")
    print()
    for line in table(HEADS, _rows(comparison)):
        print(line)
    for note in answer["notes"]:
        print(plain(note), file=sys.stderr)
    return 0


def _named(given: str) -> str | Path:
    """A text, or the path of a picture. Raises InputError for a file that is not there."""
    if os.path.isfile(given):
        return Path(given)
    if given.lower().endswith(PICTURE_ENDINGS):
        raise InputError(f"{given}: there is no such file; give --text to compare it as words")
    return given


def _letters(count: int) -> list[str]:
    """A name for each input: A, B … Z, A2 …"""
    return [
        f"{ascii_uppercase[place % 26]}{place // 26 + 1 if place >= 26 else ''}"
        for place in range(count)
    ]


def _rows(comparison: InputComparison) -> list[tuple[str, ...]]:
    """A row for each pair."""
    letters = _letters(len(comparison.inputs))
    place_of = {place: row for row, place in enumerate(comparison.texts)}
    rows = []
    for first, second in combinations(range(len(letters)), 2):
        by_words: list[str] = ["", "", ""]
        if first in place_of and second in place_of:
            pair = place_of[first], place_of[second]
            by_words = [f"{matrix[pair]:.3f}" for matrix in comparison.by_words.values()]
        alike = comparison.cosine[first, second], comparison.euclidean[first, second]
        pair_name = f"{letters[first]} {letters[second]}"
        rows.append((pair_name, *(f"{number:.3f}" for number in alike), *by_words))
    return rows
