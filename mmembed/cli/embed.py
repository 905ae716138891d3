"""`mmembed embed`"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mmembed.cli.open_to_read import model_alone
from mmembed.cli.table import plain, print_json
from mmembed.config.settings import Settings
from mmembed.errors import InputError
from mmembed.types import Failure

if TYPE_CHECKING:
    from mmembed.types import Embedding

DESCRIPTION = """\
Print unit-norm embeddings as JSON Lines, for programs of your own. Nothing is indexed.

  mmembed embed cat.jpg dog.jpg
  mmembed embed --text "a cat" --text "a dog"
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument("images", nargs="*", type=Path, metavar="IMAGE", help="image file")
    parser.add_argument("--text", action="append", default=[], help="a text; may be repeated")


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Embed and print; 1 if some failed."""
    from mmembed.collection.collection import ImageInput  # takes a while

    if not arguments.images and not arguments.text:
        raise InputError("nothing to embed; give picture files, or --text")
    failed = 0
    with model_alone(settings) as collection:
        images = [ImageInput(str(path), path=path) for path in arguments.images]
        rows = collection.embed_images(images)
        failed += _print("image", [image.name for image in images], rows)
        names = [f"--text {text!r}" for text in arguments.text]
        failed += _print("text", arguments.text, collection.embed_texts(names, arguments.text))
    return 1 if failed else 0


def _print(kind: str, names: Sequence[str], rows: Sequence[Embedding | Failure]) -> int:
    """Print the embeddings; returns the number of failed inputs."""
    for name, row in zip(names, rows, strict=True):
        if isinstance(row, Failure):
            print(f"failed: {plain(row.message)}", file=sys.stderr)
        else:
            print_json({kind: name, "embedding": row.tolist()}, indent=None)
    return sum(isinstance(row, Failure) for row in rows)
