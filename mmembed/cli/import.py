"""`mmembed import`"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mmembed.cli.bar import Bar
from mmembed.cli.open_to_read import check_exists
from mmembed.cli.table import plain
from mmembed.cli.upgrade import upgraded
from mmembed.config.settings import Settings, expanded
from mmembed.counted import counted
from mmembed.errors import InputError

if TYPE_CHECKING:
    from mmembed.collection.exchange import ExportComparison, Imported

DESCRIPTION = """\
Take in what `mmembed export` wrote, or a Parquet or JSONL file that another program made: items
with their vectors, captions, tags and fields. Nothing is embedded anew.

  mmembed import backup --store postgresql://ann@db.example/photos
  mmembed import photos.parquet --data ./restored
  mmembed import backup --check         compare it with the collection, and change nothing

Items that are there already stay, and get the captions and tags that they lack. So an import that
was interrupted is simply run again. At a path with another content, the collection's stays.

Vectors must be of the collection's model, by its fingerprint; others are refused before anything
is written, and so is a folder with a damaged or missing part. A row with a vector that is no use,
such as NaN, fails alone. docs/moving.md describes the columns.

Exit codes: 0 done; 1 some rows failed, or --check found a difference; 2 wrong use, another model
or a damaged export; 130 interrupted.
"""
SHOWN_FAILURES = 20
ENOUGH = 0.99
"""Share of equal results with which --check is content: an index may miss some."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument(
        "source", type=Path, metavar="DIR|FILE", help="folder, .parquet or .jsonl file"
    )
    parser.add_argument(
        "--check", action="store_true",
        help="compare checksums, every item, and the first ten results of a hundred searches",
    )  # fmt: skip


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Import, or compare; 1 if rows failed or differ."""
    from mmembed.collection.exchange import compare_with, import_from  # takes a while

    source = expanded(arguments.source, "DIR|FILE")
    if not source.exists():
        raise InputError(f"{source}: no such file or folder")
    if arguments.check:
        check_exists(settings)
    upgraded(settings)
    try:
        with Bar("items", opening="") as bar:
            if arguments.check:
                compared = compare_with(settings, source, bar.update, bar.phase)
            else:
                imported = import_from(settings, source, bar.update, bar.phase)
    except KeyboardInterrupt:
        print("interrupted; run the same command again to go on", file=sys.stderr)
        return 130
    return _say_compared(settings, compared) if arguments.check else _say(settings, imported)


def _say(settings: Settings, imported: Imported) -> int:
    for line in summary(imported):
        print(line)
    print(f"into {plain(settings.place)}")
    for failure in imported.failures[:SHOWN_FAILURES]:
        print(f"failed: {plain(failure.message)}", file=sys.stderr)
    if imported.failed > SHOWN_FAILURES:
        print(f"… and {imported.failed - SHOWN_FAILURES:,} more failed", file=sys.stderr)
    return 1 if imported.failed else 0


def summary(imported: Imported) -> list[str]:
    """The result in a few lines; counts of zero are left out."""
    rate = f", {imported.rows / imported.seconds:,.0f} a second" if imported.seconds > 1 else ""
    counts = [
        (imported.added, "added"),
        (imported.uploads, "of them uploads"),
        (imported.described, "were there, and got further captions, tags or fields"),
        (imported.unchanged, "were there already"),
        (imported.other_content, "left out: another content lies at their paths here"),
        (imported.vectors, "vectors of further models"),
        (imported.failed, "failed"),
    ]
    return [
        f"{counted(imported.rows, 'item')} in {imported.seconds:.1f} s{rate}",
        *(f"{count:>10,} {what}" for count, what in counts if count),
    ]


def _say_compared(settings: Settings, compared: ExportComparison) -> int:
    for line in comparison(compared):
        print(line)
    for name in compared.named:
        print(plain(name), file=sys.stderr)
    return 0 if is_equal(compared) else 1


def is_equal(compared: ExportComparison) -> bool:
    """Whether the collection holds all that the export does."""
    wrong = compared.missing + compared.differing + compared.faulty
    return not wrong and compared.alike >= ENOUGH * compared.results


def comparison(compared: ExportComparison) -> list[str]:
    """The comparison in a few lines."""
    counts = [
        (compared.same, "equal in path, content, words, facts and vectors"),
        (compared.missing, "missing in the collection"),
        (compared.differing, "different in the collection"),
        (compared.faulty, "rows of the export that cannot be used"),
        (compared.more_images, "pictures that only the collection has"),
    ]
    return [
        f"{counted(compared.images, 'picture')} and {counted(compared.captions, 'caption')} of no "
        "picture compared",
        *(f"{count:>10,} {what}" for count, what in counts if count),
        f"{counted(compared.searches, 'search', 'searches')}: {compared.alike:,} of "
        f"{compared.results:,} first results are the same",
        "equal" if is_equal(compared) else "NOT equal",
    ]
