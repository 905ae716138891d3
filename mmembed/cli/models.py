"""`mmembed models`"""

from __future__ import annotations

import argparse

from mmembed.cli.table import table
from mmembed.config import Settings
from mmembed.models import ENGINES, RECOMMENDED, engines_of, models_like

DESCRIPTION = """\
List the ids that --model takes, or try every engine with one model and say how fast each is.

  mmembed models
  mmembed models siglip webli
  mmembed models --measure --model bundled

More models: hf-hub:organisation/name, and local-dir:FOLDER with files in open_clip's format.
An engine is chosen by such a trial when a model is first loaded; --engine NAME overrides it.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("words", nargs="*", metavar="WORD", help="only ids that hold these words")
    parser.add_argument("--measure", action="store_true", help="try every engine with --model")


def run(settings: Settings, asked: argparse.Namespace) -> int:
    """Print; 1 where no model is called so."""
    if asked.measure:
        return _measure(settings)
    names = models_like(asked.words)
    for name in names:
        print(f"{name}  (recommended)" if name == RECOMMENDED else name)
    return 0 if names else 1


def _measure(settings: Settings) -> int:
    name, measured = engines_of(settings)
    print(f"{name}:")
    rows = [
        (
            one.engine,
            f"{one.images_per_second:.1f}",
            f"{one.text_ms:.1f}",
            f"{one.cosine:.5f}",
            ENGINES[one.engine],
        )
        for one in sorted(measured, key=lambda one: -one.images_per_second)
    ]
    for line in table(("engine", "images/s", "text, ms", "cosine", "what it is"), rows):
        print(line)
    return 0
