"""`mmembed labels`"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from mmembed.cli.label_options import (
    add_label_options,
    examples_of,
    labels_of,
    thresholds_of,
)
from mmembed.cli.open_to_read import check_exists
from mmembed.cli.options import add_action
from mmembed.cli.table import plain, print_json, table
from mmembed.cli.upgrade import upgraded
from mmembed.config.settings import Settings
from mmembed.counted import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mmembed.collection.collection import Collection, LabelSet

DESCRIPTION = """\
Keep sets of labels, with examples, in the collection. `mmembed classify --set NAME` uses them.

  mmembed labels add pets --labels "cat,dog,rabbit"
  mmembed labels add pets --example cat=tom.jpg --example cat=item:12
  mmembed labels add inbox --example "spam=text:You won!" --example "fine=text:See you at noon"
  mmembed labels list
  mmembed labels show pets
  mmembed labels remove pets

Each has a --help of its own.
"""
ADD = """\
Store a set of labels, or add labels and examples to the set of that name.

  mmembed labels add pets --labels "cat,dog,rabbit"
  mmembed labels add pets --example cat=tom.jpg --example cat=item:12
  mmembed labels add grade --wordless A --example A=item:3 --wordless B --example B=item:4
  mmembed labels add pets --labels cat --threshold cat=0.4

An example that is an item follows the item. Of another picture the embedding is kept, by the
collection's model: with another model, add it again.
"""
SHOWN_EXAMPLES = 3


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    actions: Any = command.add_subparsers(title="actions", required=True, metavar="ACTION")
    add = add_action(actions, "add", "store a set, or add to it", ADD)
    add.add_argument("name", metavar="NAME", help="of the set")
    add_label_options(add)
    add.add_argument(
        "--threshold", action="append", default=[], metavar="LABEL=P",
        help="lowest probability with which a label is given where several may apply; may be "
        "repeated",
    )  # fmt: skip
    add.add_argument(
        "--replace", action="store_true", help="forget what the set held before, rather than add"
    )
    listing = add_action(actions, "list", "list the sets", "List the sets of labels.")
    show = add_action(actions, "show", "show the labels and examples of a set", "Show one set.")
    show.add_argument("name", metavar="NAME", help="of the set")
    remove = add_action(actions, "remove", "remove a set", "Remove a set; items and tags stay.")
    remove.add_argument("name", metavar="NAME", help="of the set")
    for one in (listing, show):
        one.add_argument("--json", action="store_true", help="print JSON instead of a table")
    for action, parser in actions.choices.items():
        parser.set_defaults(action=action)


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Change, list or show."""
    from mmembed.collection.collection import Collection  # takes a while

    check_exists(settings)
    upgraded(settings)
    with Collection(settings) as collection:
        _ACTIONS[arguments.action](collection, arguments)
    return 0


def _add(collection: Collection, arguments: argparse.Namespace) -> None:
    kept = collection.add_label_set(
        arguments.name,
        labels_of(arguments.labels),
        examples=examples_of(arguments.example),
        wordless=arguments.wordless,
        thresholds=thresholds_of(arguments.threshold),
        templates=arguments.template,
        mode=arguments.mode,
        replacing=arguments.replace,
    )
    print(f"{kept.name}: {counted(len(kept.labels), 'label')}, {counted(kept.examples, 'example')}")


def _list(collection: Collection, arguments: argparse.Namespace) -> None:
    from mmembed.collection.label_set_json import set_in_short  # takes a while

    sets = collection.label_sets()
    if arguments.json:
        print_json({"sets": [set_in_short(one) for one in sets]})
        return
    rows = [
        (one.name, str(len(one.labels)), str(one.examples), ", ".join(x.label for x in one.labels))
        for one in sets
    ]
    for line in table(("set", "count", "examples", "labels"), rows):
        print(line)


def _show(collection: Collection, arguments: argparse.Namespace) -> None:
    from mmembed.collection.label_set_json import set_in_full  # takes a while

    kept = collection.label_set(arguments.name)
    lost = collection.lost_examples(kept)
    gone = [example.name for example in lost]
    if arguments.json:
        print_json({**set_in_full(kept, lost), "gone": gone})
        return
    for line in table(("label", "words count", "from", "examples", "such as"), _rows(kept)):
        print(line)
    for name in gone:
        print(f"gone: {plain(name)}; it no longer counts", file=sys.stderr)


def _rows(kept: LabelSet) -> Iterator[tuple[str, ...]]:
    for one in kept.labels:
        names = [example.text or example.name for example in one.examples]
        more = f" and {len(names) - SHOWN_EXAMPLES} more" if len(names) > SHOWN_EXAMPLES else ""
        least = "" if one.threshold is None else f"{one.threshold:.2f}"
        shown = ", ".join(names[:SHOWN_EXAMPLES]) + more
        yield one.label, "yes" if one.words else "no", least, str(len(names)), shown


def _remove(collection: Collection, arguments: argparse.Namespace) -> None:
    collection.remove_label_set(arguments.name)
    print(f"{arguments.name}: removed")


_ACTIONS = {"add": _add, "list": _list, "show": _show, "remove": _remove}
