"""`mmembed models`"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

from mmembed.cli.bar import Bar
from mmembed.cli.table import table
from mmembed.config.commands import command
from mmembed.config.library_privacy import keep_libraries_within
from mmembed.config.settings import Settings, expanded
from mmembed.errors import InputError

if TYPE_CHECKING:
    from mmembed.collection.model_tools import Measured

DESCRIPTION = """\
List the ids that --model takes, or try every engine with one model and say how fast each is.

  mmembed models
  mmembed models siglip webli
  mmembed models --measure --model bundled
  mmembed models --quantize ~/Pictures --model ViT-B-32/laion2b_s34b_b79k

More models: hf-hub:organisation/name, and local-dir:FOLDER with files in open_clip's format.
An engine is chosen by such a trial when a model is first loaded; --engine NAME overrides it.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument("words", nargs="*", metavar="WORD", help="only ids that hold these words")
    parser.add_argument("--measure", action="store_true", help="try every engine with --model")
    parser.add_argument(
        "--quantize", nargs="+", type=Path, metavar="PATH",
        help="make the engine openvino-int8 of --model, calibrated on some of these pictures",
    )  # fmt: skip


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Print; 1 if no model has such a name. Raises InputError for words beside a trial."""
    keep_libraries_within(settings.cache)  # even the list is open_clip's, which imports torch
    if arguments.words and (arguments.quantize or arguments.measure):
        raise InputError(f"{arguments.words[0]}: name the one model to try with --model")
    if arguments.quantize:
        return _quantise(settings, [expanded(path, "--quantize") for path in arguments.quantize])
    if arguments.measure:
        return _measure(settings)
    from mmembed.collection.model_tools import RECOMMENDED, models_like  # takes a while

    names = models_like(arguments.words)
    for name in names:
        print(f"{name}  (recommended)" if name == RECOMMENDED else name)
    return 0 if names else 1


def _measure(settings: Settings) -> int:
    from mmembed.collection.model_tools import engines_of

    name, measured = engines_of(settings)
    _print(name, sorted(measured, key=lambda trial: -trial.images_per_second))
    return 0


def _quantise(settings: Settings, paths: Sequence[Path]) -> int:
    from mmembed.collection.model_tools import quantise_with

    with Bar() as bar, redirect_stdout(sys.stderr):  # nncf shows its progress on stdout
        name, measured = quantise_with(settings, paths, bar.update)
        bar.close()
    _print(name, [measured])
    compare = command("eval") + f" … --engines torch-float32 {measured.engine}"
    print(f"use it with --engine {measured.engine}; `{compare}` measures the loss")
    return 0


def _print(name: str, measured: Sequence[Measured]) -> None:
    from mmembed.collection.model_tools import ENGINES

    print(f"{name}:")
    rows = [
        (
            trial.engine,
            f"{trial.images_per_second:.1f}",
            f"{trial.text_ms:.1f}",
            f"{trial.cosine:.5f}",
            ENGINES[trial.engine],
        )
        for trial in measured
    ]
    for line in table(("engine", "images/s", "text, ms", "cosine", "what it is"), rows):
        print(line)
