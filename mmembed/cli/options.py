"""What every command takes."""

from __future__ import annotations

import argparse

from mmembed.config import Settings


def add_collection_options(parser: argparse.ArgumentParser, default: str | None = None) -> None:
    """--data, --model and --engine. A command within a command has argparse.SUPPRESS for a
    default, so that what came before it stays."""
    parser.add_argument(
        "--data", metavar="DIR", default=default,
        help=f"folder of the collection (default {Settings.data})",
    )  # fmt: skip
    parser.add_argument(
        "--model", metavar="ID", default=default,
        help="model id, such as bundled or ViT-B-32/laion2b_s34b_b79k; `mmembed models` lists them",
    )  # fmt: skip
    parser.add_argument(
        "--engine", metavar="NAME", default=default,
        help="what runs the model (default: the fastest here; see `mmembed models --help`)",
    )  # fmt: skip
