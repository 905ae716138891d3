"""`mmembed shards`"""

from __future__ import annotations

import argparse
import sys

from mmembed.cli.bar import Bar
from mmembed.cli.table import plain
from mmembed.config.settings import Settings
from mmembed.config.store_address import address_of, shown
from mmembed.counted import counted

DESCRIPTION = """\
Spread a collection in PostgreSQL over one more database. Searches and uploads go on meanwhile.

  export MMEMBED_STORE=postgresql://a.example/photos
  mmembed shards add postgresql://b.example/photos

Start every server again with both addresses when this command asks for it:
MMEMBED_STORE=postgresql://a.example/photos,postgresql://b.example/photos
A command that was interrupted is begun again.
"""
WAIT_S = 3600.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument("what", choices=["add"], help="add a database")
    parser.add_argument("address", metavar="ADDRESS", help="postgresql://… of an empty database")
    parser.add_argument(
        "--wait", type=float, default=WAIT_S, metavar="SECONDS",
        help=f"how long to wait for servers to be started again (default {WAIT_S:g})",
    )  # fmt: skip


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Add the database, and print how many items moved."""
    from mmembed.collection.add_shard import add_shard  # takes a while

    name = address_of(arguments.address).name
    with Bar("items") as bar:
        moved = add_shard(
            settings,
            arguments.address,
            progress=bar.update,
            waiting=lambda others: _say(settings, name, others),
            wait_s=arguments.wait,
        )
    print(f"{name}: {counted(moved, 'item')} moved here")
    return 0


def _say(settings: Settings, name: str, others: str) -> None:
    line = f"waiting for processes that do not know {name}: {others}; start each of them again with"
    print(plain(f"mmembed: {line} --store {shown(settings.store)},{name}"), file=sys.stderr)
