"""The terms of a search on the command line: words, pictures and items, for and against."""

from __future__ import annotations

import argparse
import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmembed.types import NEGATIVE_WEIGHT, STRATEGIES, Term

_ID = re.compile(r"[0-9]{1,18}", re.ASCII)


@dataclass(frozen=True)
class GivenTerm:
    """Exactly one of words, a picture's file and an item's id."""

    text: str | None = None
    file: Path | None = None
    item: int | None = None
    weight: float = 1.0
    name: str | None = None
    """As the command line knows it."""
    is_likeness: bool = False
    """Whether the item is one of --like or --unlike, which are no hits."""

    def term(self, read_image: Callable[[Path], bytes]) -> Term:
        """The term of a query. Raises ImageError if the file cannot be read."""
        if self.file is None:
            return Term(text=self.text, item=self.item, weight=self.weight, name=self.name)
        return Term(image=read_image(self.file), name=str(self.file), weight=self.weight)

    def sent(self) -> dict[str, Any]:
        """The term as a server takes it. Raises OSError if the file cannot be read."""
        if self.file is not None and not self.file.is_file():
            raise FileNotFoundError(self.file)
        image = self.file and base64.b64encode(self.file.read_bytes()).decode()
        parts = {"text": self.text, "image": image, "item": self.item}
        given: dict[str, Any] = {name: part for name, part in parts.items() if part is not None}
        return given if self.weight == 1 else {**given, "weight": self.weight}


def add_term_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments that make the terms of a query."""
    parser.add_argument("words", nargs="?", metavar='"WORDS"', help="words to look for")
    parser.add_argument(
        "--with", action="append", default=[], dest="further", metavar="WORDS",
        help="further words, which count by themselves; repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--like", "--image", action="append", default=[], type=Path, metavar="FILE|ID",
        help="look for similar pictures; repeatable. Items that are named by id are no hits",
    )  # fmt: skip
    parser.add_argument("--item", type=int, metavar="ID", help="look for items similar to this one")
    parser.add_argument(
        "--without", action="append", default=[], metavar="WORDS",
        help="words that lead away; repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--unlike", "--without-like", action="append", default=[], type=Path, metavar="FILE|ID",
        help="a picture that leads away; repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--strategy", choices=STRATEGIES, default="sum",
        help="how several terms make one order: their sum (default), the best of them, or the sum "
        "without what is near a --without",
    )  # fmt: skip


def given_terms(arguments: argparse.Namespace) -> list[GivenTerm]:
    """The terms in the order of the help, items that are likenesses last."""
    words = [] if arguments.words is None else [arguments.words]
    terms = [
        *(GivenTerm(text=text, name="WORDS") for text in words),
        *(GivenTerm(text=text, name="--with") for text in arguments.further),
        *(_likeness(file, 1.0) for file in arguments.like),
        *([] if arguments.item is None else [GivenTerm(item=arguments.item)]),
        *(
            GivenTerm(text=text, weight=NEGATIVE_WEIGHT, name="--without")
            for text in arguments.without
        ),
        *(_likeness(file, NEGATIVE_WEIGHT) for file in arguments.unlike),
    ]
    return sorted(terms, key=lambda term: term.is_likeness)


def _likeness(given: Path, weight: float) -> GivenTerm:
    """A number is an item's id, unless there is such a file."""
    if _ID.fullmatch(str(given)) and not given.exists():
        return GivenTerm(item=int(str(given)), weight=weight, is_likeness=True)
    return GivenTerm(file=given, weight=weight)


def like_and_unlike(terms: Sequence[GivenTerm]) -> dict[str, list[int]]:
    """The ids of the items that are likenesses, as a search takes them."""
    items = [(term.item, term.weight) for term in terms if term.is_likeness]
    return {
        "like": [item for item, weight in items if item is not None and weight > 0],
        "unlike": [item for item, weight in items if item is not None and weight < 0],
    }
