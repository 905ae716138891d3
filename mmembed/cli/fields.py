"""`mmembed fields`"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING

from mmembed.cli.open_to_read import check_exists
from mmembed.cli.table import print_json, table
from mmembed.config.settings import Settings
from mmembed.filters.fields import spelling

if TYPE_CHECKING:
    from mmembed.store.entries import FieldFacts

DESCRIPTION = """\
List the fields of filters, with the number of items that have a value. A manifest's columns other
than file name, captions and tags are fields, too: meta.NAME.

  mmembed fields
  mmembed fields --index meta.author     filters on it no longer read every item
  mmembed search "a portrait" --where meta.author=Ann
"""
EXAMPLE_CHARS = 30


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    change = parser.add_mutually_exclusive_group()
    change.add_argument("--index", metavar="FIELD", help="index a field of manifests")
    change.add_argument("--drop-index", metavar="FIELD", help="drop the index of a field")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Change an index where that is asked for, and list the fields."""
    from mmembed.collection.collection import Collection  # takes a while

    check_exists(settings)
    with Collection(settings) as collection:
        if arguments.index is not None:
            collection.index_field(arguments.index)
        if arguments.drop_index is not None:
            collection.drop_field_index(arguments.drop_index)
        fields = collection.fields()
    if arguments.json:
        print_json({"fields": [asdict(field) for field in fields]})
        return 0
    for line in table(("field", "type", "items", "index", "examples"), map(_row, fields)):
        print(line)
    return 0


def _row(field: FieldFacts) -> tuple[str, ...]:
    examples = (f"{example[:EXAMPLE_CHARS]}…" if len(example) > EXAMPLE_CHARS else example
                for example in field.examples)  # fmt: skip
    indexed = "yes" if field.indexed else ""
    return spelling(field.name), field.type, str(field.items), indexed, ", ".join(examples)
