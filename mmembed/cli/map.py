"""`mmembed map`"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mmembed.cli.bank import embed_bank
from mmembed.cli.bar import Bar
from mmembed.cli.open_to_read import check_exists
from mmembed.cli.table import plain, print_json, shown_size, table
from mmembed.cli.upgrade import upgraded
from mmembed.config.settings import Settings, expanded
from mmembed.counted import counted

if TYPE_CHECKING:
    from mmembed.collection.exploring import CurrentMap

DESCRIPTION = """\
Draw all pictures as a map: similar ones lie side by side. The map is kept with the collection; when
it is there, new pictures are placed on it and no other picture moves.

  mmembed map --out map.svg      to look at: small pictures, and names of clusters
  mmembed map --out map.png      the same for programs that show no SVG
  mmembed map --out map.csv      id, x, y, clusters and path of each picture
  mmembed map --anew             make another one

The better map is by t-SNE and needs a library: pip install 'mmembed[map]'. Without it, the map
shows the first two principal components.
"""
METHODS = ("auto", "tsne", "pca")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    take = parser.add_argument
    take("--out", type=Path, metavar="FILE", help="write it: .svg, .png, .csv or .json")
    take("--anew", action="store_true", help="make another map, though there is one")
    take(
        "--method", choices=METHODS, default="auto",
        help="how a new map is made: t-SNE, PCA, or the better that is installed (auto)",
    )  # fmt: skip
    take("--json", action="store_true", help="print the map as JSON, as GET /v1/map answers it")


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Make the map or bring it up to date, and print what is on it."""
    from mmembed.collection.collection import Collection  # takes a while
    from mmembed.collection.exploring_json import current_map_json
    from mmembed.collection.map_files import check_ending, write_map

    out = None if arguments.out is None else expanded(arguments.out, "--out")
    if out is not None:
        check_ending(out)
    check_exists(settings)
    upgraded(settings)
    with Collection(settings) as collection:
        embed_bank(collection)
        with Bar("steps", opening="") as bar:
            current = collection.make_map(
                method=arguments.method,
                anew=arguments.anew,
                progress=bar.update,
                phase=bar.phase,
            )
        size = 0
        if out is not None:
            with Bar("small pictures", opening="") as bar:
                size = write_map(collection, current, out, bar.update)
    if arguments.json:
        print_json(current_map_json(current), indent=None)
        return 0
    _print(current, arguments.method)
    if out is not None:
        print(f"{plain(str(out))}: {shown_size(size)}")
    return 0


def _print(current: CurrentMap, method: str) -> None:
    from mmembed.collection.exploring import reducer_note

    facts = current.map.facts
    if note := reducer_note(method, facts):
        print(note, file=sys.stderr)
    print(
        f"{counted(len(current.map), 'picture')} by {facts.reducer}, fitted to {facts.fitted:,}; "
        f"made {facts.made} in {facts.seconds:g} s"
    )
    if current.new or current.gone:
        print(f"{current.new} new or changed were placed, {current.gone} have left")
    sizes = current.map.sizes()[0].tolist()
    rows = (
        (str(size), f"{one.name.sure:.0%}", ", ".join((one.name.text, *one.name.also)))
        if one.name
        else (str(size), "", "")
        for one, size in zip(current.map.levels[0], sizes, strict=True)
    )
    for line in table(("size", "sure", "cluster"), rows):
        print(line)
