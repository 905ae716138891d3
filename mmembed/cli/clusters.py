"""`mmembed clusters`"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mmembed.cli.bank import embed_bank
from mmembed.cli.bar import Bar
from mmembed.cli.open_to_read import check_exists
from mmembed.cli.options import add_filter
from mmembed.cli.table import plain, print_json, shown_path, table
from mmembed.cli.upgrade import upgraded
from mmembed.config.settings import Settings
from mmembed.filters.parse import parse_where
from mmembed.item_json import item_json
from mmembed.types import Term

if TYPE_CHECKING:
    from mmembed.collection.exploring import Cluster, Clusters

DESCRIPTION = """\
Show what there is: groups of pictures that look alike, at up to three levels. Words of a bank name
them. "sure" is the share of a group's pictures that its name fits better than most words do.

  mmembed clusters
  mmembed clusters --count 12
  mmembed clusters --where 'date:2024 -tag:private'
  mmembed clusters --query "a dog" --among 200      groups among the first results of a search
"""
INDENT = "  "
SHOWN = 2
"""Levels in the table; --json has all."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    take = parser.add_argument
    add_filter(parser, "only pictures that pass a filter")
    take("--query", default="", metavar="WORDS", help="only the first results of a search")
    take("--among", type=int, default=300, metavar="N", help="results of --query (default 300)")
    take("--count", type=int, metavar="N", help="one level of so many groups, up to 200")
    take("--json", action="store_true", help="print JSON instead of a table")


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Group and print."""
    from mmembed.collection.collection import Collection  # takes a while
    from mmembed.collection.exploring_json import clusters_json

    where = parse_where(arguments.where)
    check_exists(settings)
    upgraded(settings)
    with Collection(settings) as collection:
        embed_bank(collection)
        with Bar("pictures", opening="") as bar:
            bar.phase("looking at all pictures", 0)
            found = collection.clusters(
                [Term(text=arguments.query)] if arguments.query else [],
                where=where,
                count=arguments.count,
                among=arguments.among,
            )
        model = collection.model_name
    if arguments.json:
        print_json({**clusters_json(found, item_json), "model": model})
        return 0
    for note in found.notes:
        print(plain(note), file=sys.stderr)
    if not found.levels:
        print("no picture passes", file=sys.stderr)
    for line in table(("size", "sure", "name", "also", "picture"), _rows(found)):
        print(line)
    return 0


def _rows(found: Clusters) -> Iterator[tuple[str, ...]]:
    """A row for each group; below it those that it holds."""
    for place, one in enumerate(found.levels[0] if found.levels else ()):
        yield from _below(found, 0, place, one)


def _below(found: Clusters, level: int, place: int, one: Cluster) -> Iterator[tuple[str, ...]]:
    item = found.items.get(one.representative)
    name = ("", "", "")
    if one.name is not None:
        name = f"{one.name.sure:.0%}", INDENT * level + one.name.text, ", ".join(one.name.also)
    yield str(one.size), *name, shown_path(item.path if item else None)
    below = found.levels[level + 1] if level + 1 < min(SHOWN, len(found.levels)) else ()
    for inner_place, inner in enumerate(below):
        if inner.parent == place and inner.size < one.size:
            yield from _below(found, level + 1, inner_place, inner)
