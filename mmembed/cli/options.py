"""Options of every command."""

from __future__ import annotations

import argparse
from typing import Any

from mmembed.config.settings import Settings, expanded
from mmembed.places import Place, is_address


def expanded_place(place: Place, named: str) -> Place:
    """An address as it is, and a path as `expanded` gives it. Raises InputError."""
    return place if is_address(place) else expanded(place, named)


class FurtherModels(argparse.Action):
    """Stores the first `--model` as `model`, and adds later ones to `more_models`."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """As argparse calls it."""
        if namespace.model is None:
            namespace.model = values
        else:
            namespace.more_models = (*(namespace.more_models or ()), values)


class _Once(argparse.Action):
    """Refuses an option that is given twice: else the last one would win without a word."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """As argparse calls it."""
        if getattr(namespace, self.dest) != self.default:
            parser.error(f"{option_string}: given twice; join both with a space, or with or")
        setattr(namespace, self.dest, values)


def add_filter(parser: argparse.ArgumentParser, what: str) -> None:
    """--where; what: the help."""
    parser.add_argument("--where", default="", metavar="FILTER", action=_Once, help=what)


def add_collection_options(
    parser: argparse.ArgumentParser, default: str | None = None, *, several: bool = False
) -> None:
    """--data, --store, --model and --engine. A command within a command has argparse.SUPPRESS for
    a default, so that earlier options stay. several: --model may be repeated."""
    parser.add_argument(
        "--data", metavar="DIR", default=default,
        help=f"folder of the collection (default {Settings.data})",
    )  # fmt: skip
    parser.add_argument(
        "--store", metavar="ADDRESS", default=default,
        help="postgresql://user@host:5432/database that holds the collection in place of a folder",
    )  # fmt: skip
    parser.add_argument(
        "--model", metavar="ID", default=default, action=FurtherModels if several else "store",
        help="model id, such as bundled or ViT-B-32/laion2b_s34b_b79k; `mmembed models` lists them"
        + ("; may be repeated: only the first one's vectors are stored" if several else ""),
    )  # fmt: skip
    parser.add_argument(
        "--engine", metavar="NAME", default=default,
        help="engine that runs the model (default: the fastest here; see `mmembed models --help`)",
    )  # fmt: skip


def add_action(actions: Any, name: str, what: str, description: str) -> argparse.ArgumentParser:
    """A command within a command, with the options of every command."""
    parser: argparse.ArgumentParser = actions.add_parser(
        name,
        help=what,
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_collection_options(parser, argparse.SUPPRESS)
    return parser
