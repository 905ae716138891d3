"""`mmembed embed`"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mmembed.cli.reading import model_alone
from mmembed.cli.table import plain, print_json
from mmembed.collection import ImageInput
from mmembed.config import Settings
from mmembed.errors import InputError
from mmembed.types import Failure

DESCRIPTION = """\
Print unit-norm embeddings as JSON Lines, for programs of your own. Nothing is indexed.

  mmembed embed cat.jpg dog.jpg
  mmembed embed --text "a cat" --text "a dog"
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("images", nargs="*", type=Path, metavar="IMAGE", help="image file")
    parser.add_argument("--text", action="append", default=[], help="a text; may be repeated")


def run(settings: Settings, asked: argparse.Namespace) -> int:
    """Embed and print; 1 if some images failed."""
    if not asked.images and not asked.text:
        raise InputError("nothing to embed; give picture files, or --text")
    failed = 0
    with model_alone(settings) as collection:
        images = [ImageInput(str(path), path=path) for path in asked.images]
        for image, row in zip(images, collection.embedder.images(images), strict=True):
            if isinstance(row, Failure):
                print(f"failed: {plain(row.message)}", file=sys.stderr)
                failed += 1
            else:
                print_json({"image": image.name, "embedding": row.tolist()}, indent=None)
        if asked.text:
            rows = collection.embedder.encoder.embed_texts(asked.text)
            for text, row in zip(asked.text, rows, strict=True):
                print_json({"text": text, "embedding": row.tolist()}, indent=None)
    return 1 if failed else 0
