"""The command line. Exit codes: 0 done, 1 some items failed, 2 wrong use, 130 interrupted."""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

from mmembed.cli.parser import Parser
from mmembed.errors import InputError, MmembedError, ModelMismatch

DONE, SOME_FAILED, WRONG_USE, INTERRUPTED = 0, 1, 2, 130
COMMANDS = {
    "index": "embed pictures and captions into the collection",
    "work": "help with an indexing in a database, from any number of machines",
    "remove": "take pictures out of the collection, even if their folder is gone",
    "search": "find pictures or captions by words, by a picture, or by both",
    "fields": "list the fields of filters, and index the manifests' fields",
    "duplicates": "list pictures that are there more than once, and move the others away",
    "classify": "say which of your labels fits a picture, or a text",
    "labels": "keep sets of labels with examples, for classify",
    "compare": "show how alike texts and pictures are, each with each",
    "tag": "tag all pictures with your labels, and find tags that look wrong",
    "jobs": "list the background work of servers, follow it and cancel it",
    "embed": "print embeddings of pictures and texts",
    "map": "draw all pictures as a map, on which similar ones lie side by side",
    "clusters": "show groups of similar pictures, with names",
    "outliers": "find the pictures that resemble no other",
    "eval": "measure how good a model and the index are on your pictures",
    "models": "list the models, and measure which engine runs one fastest here",
    "shards": "spread a collection in PostgreSQL over one more database",
    "export": "write the collection to files, with its vectors, or lists for people",
    "import": "take in an export, or vectors that another program made",
    "restore": "put a backup of the catalog in place",
    "serve": "serve the web page and the HTTP API",
}
"""Each command is a module of this package, and is imported when it is called."""

DESCRIPTION = """\
Search your pictures by words, by example and by label.

  mmembed index ~/Pictures            embed every picture, once
  mmembed serve                       then open http://127.0.0.1:8000
  mmembed search "a dog in the snow"  or ask here
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    _allow_any_text()
    try:
        try:
            arguments = list(sys.argv[1:] if arguments is None else arguments)
            parser = _parser(arguments)
            if not arguments:
                parser.print_help()
                return DONE
            return _run(parser.parse_args(arguments))
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # The reader of our output has closed the pipe; writing more at exit would fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE


def program() -> NoReturn:
    """The entry point for the shell. Exits without Python's own finalisation, which takes a second
    or two once torch is loaded. Everything that must be closed is closed by then."""
    code = main()
    sys.stderr.flush()
    os._exit(code)


def _run(arguments: argparse.Namespace) -> int:
    # Not imported at the top: the list of commands needs no settings, and comes in half the time.
    from mmembed.config.settings import Settings

    try:
        settings = Settings.from_env(
            data=arguments.data,
            store=arguments.store,
            model=arguments.model,
            engine=arguments.engine,
            **arguments.settings_of(arguments),
        )
        return int(arguments.run(settings, arguments))
    except KeyboardInterrupt:
        return INTERRUPTED
    except MmembedError as error:
        print(f"mmembed: {_said(error)}", file=sys.stderr)
        return WRONG_USE if isinstance(error, InputError | ModelMismatch) else SOME_FAILED
    except BrokenPipeError:
        raise
    except OSError as error:  # such as an unreadable data folder
        if error.filename is None:
            raise
        print(f"mmembed: {_plain(f'{error.filename}: {error.strerror}')}", file=sys.stderr)
        return SOME_FAILED


def _said(error: MmembedError) -> str:
    """A filter that cannot be read is shown with a mark below the place: its lines stay lines."""
    lines = str(error).split("\n") if error.param == "where" else [str(error)]
    return "\n".join([_plain(line) for line in lines])  # `map` is a command's module here


def _plain(text: str) -> str:
    from mmembed.cli.table import plain  # only errors need it, and not the list of commands

    return plain(text)


def _allow_any_text() -> None:
    """Characters that the terminal's encoding lacks are printed as escapes."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


class _Version(argparse.Action):
    """Prints the version. argparse's own would look it up for every command."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from mmembed.config.commands import own_version

        print(f"mmembed {own_version()}")
        parser.exit()


def _parser(given: Sequence[str]) -> Parser:
    """Knows all commands, and the options of the called one."""
    parser = Parser("mmembed", description=DESCRIPTION, given=given)
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    commands: Any = parser.add_subparsers(
        title="commands",
        required=True,
        metavar="COMMAND",
        parser_class=_parser_if_called,  # type: ignore[call-overload]  # only called
    )
    for name, meaning in COMMANDS.items():
        sub = commands.add_parser(name, help=meaning, given=given, called=[name] == given[:1])
        if sub is not None:
            _add(name, sub)
    return parser


def _parser_if_called(*, called: bool, **options: Any) -> Parser | None:
    """The list of commands needs no parser of theirs, and making twenty takes as long as Python's
    own start."""
    return Parser(**options) if called else None


def _add(name: str, parser: argparse.ArgumentParser) -> None:
    from mmembed.cli.options import add_collection_options  # it imports the settings, too

    command = import_module(f"mmembed.cli.{name}")
    parser.description = command.DESCRIPTION
    parser.set_defaults(run=command.run, settings_of=lambda parsed: {})
    command.add_arguments(parser)
    add_collection_options(parser, several=name == "serve")
