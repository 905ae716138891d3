"""`mmembed export`"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mmembed.cli.bar import Bar
from mmembed.cli.open_to_read import check_exists
from mmembed.cli.options import add_filter
from mmembed.cli.table import plain, shown_size
from mmembed.cli.upgrade import upgraded
from mmembed.config.settings import Settings, expanded
from mmembed.errors import QueryError
from mmembed.filters.parse import parse_where
from mmembed.types import KINDS

if TYPE_CHECKING:
    from mmembed.collection.exchange import Exported

DESCRIPTION = """\
Write the collection to files: to move it to another store, to back it up, or to work on it in a
notebook or a spreadsheet. Pictures stay where they are; uploads are copied into a folder.

  mmembed export --to backup            a folder with everything; `mmembed import backup` reads it
  mmembed export --to photos.parquet    all items with vectors, for pandas, DuckDB, Polars
  mmembed export --to photos.jsonl      the same as lines of JSON; needs no library

Lists for people have a row for each picture, and the columns that you choose:

  mmembed export --to photos.csv --columns path,tags,date,meta.author
  mmembed export --to dogs.csv --query "a dog in the snow" --k 200
  mmembed export --to photos.npy        the embeddings, and their items in photos.ids.jsonl

The pictures themselves, and their tags for other programs:

  mmembed export --to dogs.zip --where tag:dog          the files, under names of their own
  mmembed export --xmp --to sidecars                    IMG.jpg.xmp, in a tree of its own
  mmembed export --xmp --beside --where 'date>=2024'    merged into those beside the pictures

--where narrows all of them, as in `mmembed search`:

  mmembed export --to year.parquet --where 'date>=2024 -tag:private'

The folder has a manifest with counts and SHA-256 of its parts. It is written last: an export that
was interrupted is none, and is run again. docs/moving.md describes the format.

Exit codes: 0 done; 1 some uploads could not be copied; 2 wrong use; 130 interrupted.
"""
SHOWN_FAILURES = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument(
        "--to", type=Path, metavar="DIR|FILE",
        help="new folder, or file that ends with .parquet, .jsonl, .csv, .npy or .zip",
    )  # fmt: skip
    add_filter(parser, "only items that pass a filter")
    parser.add_argument(
        "--columns", default="", metavar="A,B",
        help="columns of a list (.csv, .jsonl, .parquet, .npy), such as path,tags,embedding",
    )  # fmt: skip
    parser.add_argument(
        "--query", default="", metavar="TEXT", help="list the results of a search, with their score"
    )
    parser.add_argument(
        "--k", type=int, default=100, metavar="N", help="results of --query (default 100)"
    )
    parser.add_argument(
        "--kind", choices=KINDS, default="image", help="rows of a list (default: image)"
    )
    parser.add_argument("--xmp", action="store_true", help="XMP sidecars with the tags, below --to")
    parser.add_argument(
        "--beside", action="store_true",
        help="with --xmp: beside the pictures, merged into the sidecars that are there",
    )  # fmt: skip


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Export; 1 if some uploads could not be copied."""
    from mmembed.collection.exchange import export_to  # takes a while
    from mmembed.collection.export_wishes import ListWishes, check_target

    if arguments.k < 1:
        raise QueryError(f"--k {arguments.k}: expected 1 or more")
    columns = tuple(name.strip() for name in arguments.columns.split(",") if name.strip())
    wishes = ListWishes(
        columns, arguments.query, arguments.k, arguments.kind, arguments.xmp, arguments.beside
    )
    to = None if arguments.to is None else expanded(arguments.to, "--to")
    check_target(to, wishes)
    parse_where(arguments.where)
    check_exists(settings)
    upgraded(settings)
    try:
        with Bar("items", opening="") as bar:
            exported = export_to(settings, to, arguments.where, wishes, bar.update)
    except KeyboardInterrupt:
        print("interrupted; the export is incomplete: run it again", file=sys.stderr)
        return 130
    for line in summary(exported, "picture with tags" if arguments.xmp else "item"):
        print(line)
    for failure in exported.failures[:SHOWN_FAILURES]:
        print(f"failed: {plain(failure.message)}", file=sys.stderr)
    return 1 if exported.failures else 0


def summary(exported: Exported, wanted: str) -> list[str]:
    """The result in a few lines. wanted: names what an export without any lacks."""
    rows = exported.counts.get("rows", exported.counts.get("images", 0))
    rate = f", {rows / exported.seconds:,.0f} a second" if exported.seconds > 1 else ""
    written = f"{shown_size(exported.bytes)} in {exported.seconds:.1f} s{rate}"
    lines = [f"{plain(str(exported.path))}: {written}"]
    found = [f"{count:>10,} {what}" for what, count in exported.counts.items() if count]
    if not found and not exported.failures:
        lines.append(f"nothing to export: there is no {wanted}, or none passes the filter")
    lines += found
    if exported.model is not None:
        model = exported.model
        lines.append(f"model: {model.name}, {model.dim} numbers, fingerprint {model.fingerprint}")
    return lines
