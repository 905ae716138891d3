"""`mmembed outliers`"""

from __future__ import annotations

import argparse
import sys

from mmembed.cli.bar import Bar
from mmembed.cli.open_to_read import check_exists
from mmembed.cli.options import Once
from mmembed.cli.table import print_json, shown_path, table
from mmembed.cli.upgrade import upgraded
from mmembed.config.settings import Settings
from mmembed.counted import counted
from mmembed.filters.parse import parse_where
from mmembed.item_json import item_json

DESCRIPTION = """\
Find the pictures that resemble no other: strays, broken scans, screenshots among photographs.
Pictures with the largest mean distance to their five nearest come first.

  mmembed outliers
  mmembed outliers -k 50 --where folder:/photos/2024
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    take = parser.add_argument
    take("-k", type=int, default=20, metavar="N", help="how many (default 20)")
    take(
        "--where",
        default="",
        metavar="FILTER",
        action=Once,
        help="only pictures that pass a filter",
    )
    take("--json", action="store_true", help="print JSON instead of a table")


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Find and print."""
    from mmembed.collection.collection import Collection  # takes a while
    from mmembed.collection.exploring_json import outliers_json

    where = parse_where(arguments.where)
    check_exists(settings)
    upgraded(settings)
    with Collection(settings) as collection, Bar("pictures", opening="") as bar:
        bar.phase("looking at all pictures", 0)
        found = collection.outliers(where=where, count=arguments.k)
    answer = outliers_json(found, item_json)
    if arguments.json:
        print_json(answer)
        return 0
    if not found.found:
        passing = counted(found.pictures, "picture")
        print(f"{passing} to look at; at least 2 are needed", file=sys.stderr)
    rows = (
        (
            f"{one['distance']:.3f}",
            f"{one['times_usual']:.2f}" if one["times_usual"] else "",
            str(one["id"]),
            shown_path(one["path"]),
        )
        for one in answer["outliers"]
    )
    for line in table(("distance", "times usual", "id", "picture"), rows):
        print(line)
    return 0
