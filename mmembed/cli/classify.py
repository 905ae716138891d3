"""`mmembed classify`"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from mmembed.cli.label_options import add_label_options, examples_of, labels_of
from mmembed.cli.open_to_read import model_alone
from mmembed.cli.table import plain, print_json, table
from mmembed.config.settings import Settings
from mmembed.errors import InputError
from mmembed.types import Failure

if TYPE_CHECKING:
    from mmembed.collection.collection import (
        Classification,
        Classified,
        ImageInput,
        TextInput,
    )

DESCRIPTION = """\
Give every picture, or every text, a probability for each of your labels: any words will do.

  mmembed classify cat.jpg --labels "cat,dog,bird"
  mmembed classify *.jpg --labels @labels.txt --top 3 --json
  mmembed classify x.jpg --labels day,night --template "a photo taken at {}"
  mmembed classify x.jpg --labels "animal > cat,animal > dog,plant > tree"
  mmembed classify x.jpg --labels cat,dog --example cat=tom.jpg --example dog=item:12
  mmembed classify --item 7 --set pets --none-of-these
  mmembed classify --item 7 --labels @words.txt --mode multi --precision 0.9
  mmembed classify --text "You won!" --example "spam=text:Free money" --example "fine=text:Hi Ann"
"""


NONE = "(none of these)"
NOTHING = "(no label is likely enough)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    take = parser.add_argument
    take("images", nargs="*", type=Path, metavar="IMAGE", help="image file")
    take(
        "--item", type=int, action="append", default=[], metavar="ID",
        help="an item of the collection; may be repeated",
    )  # fmt: skip
    take(
        "--text", action="append", default=[], metavar="WORDS",
        help="a text, instead of pictures; may be repeated",
    )  # fmt: skip
    take("--set", metavar="NAME", help="a set of `mmembed labels`, instead of labels")
    add_label_options(parser)
    take(
        "--none-of-these", action="store_true",
        help="a picture may show none of the labels: say how likely that is",
    )  # fmt: skip
    take(
        "--precision", type=float, metavar="P",
        help="with --mode multi: leave out labels so that this share of the others is right",
    )  # fmt: skip
    take("--top", type=int, default=5, metavar="N", help="labels shown (default 5)")
    take("--json", action="store_true", help="print JSON instead of a table")


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Classify and print; 1 if some inputs failed."""
    if arguments.set is None and arguments.labels is None and not arguments.example:
        raise InputError("no labels; give --labels A,B,…, --set NAME, or --example LABEL=FILE")
    inputs = _inputs(arguments)
    labels = labels_of(arguments.labels)
    with model_alone(settings) as collection:
        answer = collection.classify(
            inputs,
            labels,
            examples=examples_of(arguments.example),
            wordless=arguments.wordless,
            label_set=arguments.set,
            templates=arguments.template,
            mode=arguments.mode,
            top=arguments.top,
            none_of_these=arguments.none_of_these,
            precision=arguments.precision,
        )
        model = collection.model_name
    if arguments.json:
        results = [_as_json(result) for result in answer]
        notes = list(answer.notes)
        print_json({"results": results, "model": model, "mode": answer.mode, "notes": notes})
    else:
        _print(answer)
    return 1 if any(result.failure for result in answer) else 0


def _inputs(arguments: argparse.Namespace) -> list[ImageInput | TextInput | Failure]:
    """Raises InputError if nothing was named."""
    from mmembed.collection.collection import ImageInput, TextInput  # takes a while

    inputs: list[ImageInput | TextInput | Failure] = [
        *(ImageInput(str(path), path=path) for path in arguments.images),
        *(ImageInput(f"item {item}", item=item) for item in arguments.item),
        *(TextInput(text, text) for text in arguments.text),
    ]
    if not inputs:
        raise InputError("no picture was named; give files, --item ID, or --text WORDS")
    return inputs


def _print(answer: Classification) -> None:
    rows = [
        (
            result.name if place == 0 else "",
            f"{probability:7.1%}" if label != NOTHING else "",
            label,
        )
        for result in answer
        for place, (probability, label) in enumerate(_lines(result))
    ]
    for line in table(("picture", "      %", "label"), rows):
        print(line)
    for note in answer.notes:
        print(f"note: {plain(note)}", file=sys.stderr)
    for result in answer:
        if result.failure:
            print(f"failed: {plain(result.failure.message)}", file=sys.stderr)


def _lines(result: Classified) -> list[tuple[float, str]]:
    """Labels and their parents by falling probability, of equals parents first; then «none»."""
    lines = [(one.probability, one.label) for one in result.branches]
    lines += [(one.probability, one.label) for one in result.labels]
    lines.sort(key=lambda line: -line[0])
    if result.none_of_these is not None:
        lines.append((result.none_of_these, NONE))
    return lines or ([] if result.failure else [(0.0, NOTHING)])


def _as_json(result: Classified) -> dict[str, object]:
    if result.failure:
        error = {"message": result.failure.message, "type": result.failure.code}
        return {"index": result.index, "name": result.name, "error": error}
    labels = [asdict(label) for label in result.labels]
    branches = [{"label": one.label, **asdict(one)} for one in result.branches]
    return {
        "index": result.index,
        "name": result.name,
        "labels": labels,
        "branches": branches,
        "none_of_these": result.none_of_these,
    }
