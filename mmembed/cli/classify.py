"""`mmembed classify`"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from mmembed.cli.open_to_read import model_alone
from mmembed.cli.table import plain, print_json, table
from mmembed.config.settings import Settings
from mmembed.errors import InputError

if TYPE_CHECKING:
    from mmembed.collection.collection import Classified

DESCRIPTION = """\
Give every picture a probability for each of your labels: any words will do.

  mmembed classify cat.jpg --labels "cat,dog,bird"
  mmembed classify *.jpg --labels @labels.txt --top 3 --json
  mmembed classify x.jpg --labels day,night --template "a photo taken at {}"
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    take = parser.add_argument
    take("images", nargs="*", type=Path, metavar="IMAGE", help="image file")
    take(
        "--item", type=int, action="append", default=[], metavar="ID",
        help="an item of the collection; may be repeated",
    )  # fmt: skip
    take("--labels", required=True, metavar="A,B,…|@FILE", help="or a file with one a line")
    take(
        "--template", action="append", metavar="T",
        help="prompt in which {} is the label; may be repeated, the results are averaged",
    )  # fmt: skip
    take(
        "--mode", choices=("softmax", "sigmoid"),
        help="one label of many, or each for itself (default: as the model was trained)",
    )  # fmt: skip
    take("--top", type=int, default=5, metavar="N", help="labels shown (default 5)")
    take("--json", action="store_true", help="print JSON instead of a table")


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Classify and print; 1 if some images failed."""
    from mmembed.collection.collection import ImageInput  # takes a while

    images = [ImageInput(str(path), path=path) for path in arguments.images]
    images += [ImageInput(f"item {item}", item=item) for item in arguments.item]
    if not images:
        raise InputError("no picture was named; give files, or --item ID")
    with model_alone(settings) as collection:
        results = collection.classify(
            images,
            _labels(arguments.labels),
            templates=arguments.template,
            mode=arguments.mode,
            top=arguments.top,
        )
        model = collection.model_name
    if arguments.json:
        answer = {"results": [_as_json(result) for result in results], "model": model}
        print_json(answer)
    else:
        _print(results)
    return 1 if any(result.failure for result in results) else 0


def _labels(text: str) -> list[str]:
    if not text.startswith("@"):
        return [label.strip() for label in text.split(",") if label.strip()]
    try:
        lines = Path(text[1:]).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{text[1:]}: the labels cannot be read: {error}") from error
    return [line.strip() for line in lines if line.strip()]


def _print(results: list[Classified]) -> None:
    rows = [
        (result.name if place == 0 else "", f"{label.probability:7.1%}", label.label)
        for result in results
        for place, label in enumerate(result.labels)
    ]
    for line in table(("picture", "      %", "label"), rows):
        print(line)
    for result in results:
        if result.failure:
            print(f"failed: {plain(result.failure.message)}", file=sys.stderr)


def _as_json(result: Classified) -> dict[str, object]:
    if result.failure:
        error = {"message": result.failure.message, "type": result.failure.code}
        return {"index": result.index, "name": result.name, "error": error}
    labels = [asdict(label) for label in result.labels]
    return {"index": result.index, "name": result.name, "labels": labels}
