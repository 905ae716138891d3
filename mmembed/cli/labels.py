"""`mmembed labels`"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from mmembed.cli.label_options import add_label_options, examples_of, labels_of
from mmembed.cli.open_to_read import check_exists
from mmembed.cli.options import add_collection_options
from mmembed.cli.table import counted, plain, print_json, table
from mmembed.cli.upgrade import upgraded
from mmembed.config.settings import Settings

if TYPE_CHECKING:
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

An example that is an item follows the item. Of another picture the embedding is kept, by the
collection's model: with another model, add it again.
"""
SHOWN_EXAMPLES = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    add = _action(actions, "add", "store a set, or add to it", ADD)
    add.add_argument("name", metavar="NAME", help="of the set")
    add.add_argument(
        "--labels", metavar="A,B,…|@FILE",
        help="or a file with one a line (default: the labels of the examples)",
    )  # fmt: skip
    add_label_options(add)
    add.add_argument(
        "--replace", action="store_true", help="forget what the set held before, rather than add"
    )
    listing = _action(actions, "list", "list the sets", "List the sets of labels.")
    show = _action(actions, "show", "show the labels and examples of a set", "Show one set.")
    show.add_argument("name", metavar="NAME", help="of the set")
    remove = _action(actions, "remove", "remove a set", "Remove a set; items and tags stay.")
    remove.add_argument("name", metavar="NAME", help="of the set")
    for one in (listing, show):
        one.add_argument("--json", action="store_true", help="print JSON instead of a table")


def _action(actions: Any, name: str, what: str, description: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(
        name,
        help=what,
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_collection_options(parser, argparse.SUPPRESS)
    parser.set_defaults(action=name)
    return parser


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
        labels_of(arguments.labels, arguments.example),
        examples=examples_of(arguments.example),
        wordless=arguments.wordless,
        templates=arguments.template,
        mode=arguments.mode,
        replacing=arguments.replace,
    )
    print(f"{kept.name}: {counted(len(kept.labels), 'label')}, {counted(kept.examples, 'example')}")


def _list(collection: Collection, arguments: argparse.Namespace) -> None:
    sets = collection.label_sets()
    if arguments.json:
        print_json({"sets": [_summary(one) for one in sets]})
        return
    rows = [
        (one.name, str(len(one.labels)), str(one.examples), ", ".join(x.label for x in one.labels))
        for one in sets
    ]
    for line in table(("set", "count", "examples", "labels"), rows):
        print(line)


def _show(collection: Collection, arguments: argparse.Namespace) -> None:
    kept = collection.label_set(arguments.name)
    gone = collection.lost_examples(kept)
    if arguments.json:
        print_json({**_details(kept), "gone": gone})
        return
    rows = []
    for one in kept.labels:
        names = [example.text or example.name for example in one.examples]
        more = f" and {len(names) - SHOWN_EXAMPLES} more" if len(names) > SHOWN_EXAMPLES else ""
        shown = ", ".join(names[:SHOWN_EXAMPLES]) + more
        rows.append((one.label, "yes" if one.words else "no", str(len(names)), shown))
    for line in table(("label", "words count", "examples", "such as"), rows):
        print(line)
    for name in gone:
        print(f"gone: {plain(name)}; it no longer counts", file=sys.stderr)


def _remove(collection: Collection, arguments: argparse.Namespace) -> None:
    collection.remove_label_set(arguments.name)
    print(f"{arguments.name}: removed")


def _summary(one: LabelSet) -> dict[str, object]:
    return {
        "name": one.name,
        "labels": len(one.labels),
        "examples": one.examples,
        "mode": one.mode,
    }


def _details(kept: LabelSet) -> dict[str, object]:
    labels = [
        {
            "label": one.label,
            "words": one.words,
            "threshold": one.threshold,
            "examples": [
                {"name": example.name, "kind": example.kind, "text": example.text}
                for example in one.examples
            ],
        }
        for one in kept.labels
    ]
    return {"name": kept.name, "labels": labels, "templates": kept.templates, "mode": kept.mode}


_ACTIONS = {"add": _add, "list": _list, "show": _show, "remove": _remove}
