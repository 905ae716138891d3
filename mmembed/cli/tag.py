"""`mmembed tag`"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mmembed.cli.bank import embed_bank
from mmembed.cli.bar import Bar
from mmembed.cli.label_options import labels_of
from mmembed.cli.open_to_read import check_exists
from mmembed.cli.options import Once
from mmembed.cli.table import plain, print_json, table
from mmembed.cli.tag_report import checked_lines, rejected_lines, tagged_lines
from mmembed.cli.upgrade import upgraded
from mmembed.config.settings import Settings
from mmembed.counted import counted
from mmembed.errors import InputError
from mmembed.filters.parse import parse_where

if TYPE_CHECKING:
    from mmembed.collection.collection import Collection

DESCRIPTION = """\
Tag every picture of the collection with those of your labels that fit it. The tags are marked as
automatic, with their score and the name of the label set. They replace the tags that the set gave
before, and never touch those of a person or a file.

  mmembed tag --labels beach,snow,portrait --dry-run    how many pictures each would get
  mmembed tag --labels @places.txt                      the set is named places
  mmembed tag --set animals --precision 0.95            a set of `mmembed labels`
  mmembed tag --labels day,night --compete              exactly one of them for each picture
  mmembed tag --list                                    the sets that gave tags
  mmembed tag --clear --set places                      take all of them back

A tag that you take off a picture does not come back:

  mmembed tag --rejected                                which tags were taken off
  mmembed tag --allow-again beach                       the next run may give it again

Which of a person's tags look wrong, or are missing? Each is judged by the other pictures:

  mmembed tag --check
  mmembed tag --check dog cat --where 'date>=2024'

docs/tagging.md says how sure the thresholds are. Exit codes: 0 done; 2 wrong use; 130 interrupted:
the tags are the former ones, or all of the new ones.
"""
DEFAULT_SET = "labels"
"""Keeps the tags of labels that were given without a name."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    take = parser.add_argument
    take("--labels", default="", metavar="A,B,…|@FILE", help="or a file with one a line")
    take(
        "--set", default="", metavar="NAME",
        help="a stored label set; beside --labels, the name of theirs (default: the file's, else "
        f"{DEFAULT_SET})",
    )  # fmt: skip
    take("--where", default="", metavar="FILTER", action=Once, help="only pictures that pass it")
    take(
        "--precision", type=float, metavar="P",
        help="the share of right tags that each label aims at (default 0.9)",
    )  # fmt: skip
    take("--threshold", type=float, metavar="T", help="one lowest score for all labels instead")
    take(
        "--compete", action=argparse.BooleanOptionalAction, default=None,
        help="exactly one label applies to a picture (default: as the set says, else each for "
        "itself)",
    )  # fmt: skip
    take("--dry-run", action="store_true", help="count and name, and write nothing")
    take("--clear", action="store_true", help="take back all tags of --set")
    take("--list", action="store_true", help="list the label sets that gave tags")
    take("--rejected", action="store_true", help="list automatic tags that a person took off")
    take(
        "--allow-again", nargs="*", metavar="TAG",
        help="forget that a person took these tags off; without a tag, any",
    )  # fmt: skip
    take("--check", nargs="*", metavar="TAG", help="list tags of people and files that look wrong")
    take(
        "--most", type=int, default=50, metavar="N",
        help="lines of --check and --rejected (default 50)",
    )  # fmt: skip
    take("--json", action="store_true", help="print JSON instead of a table")


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Tag, or do what another option asks for."""
    from mmembed.collection.collection import Collection  # takes a while

    action = _action_of(arguments)
    parse_where(arguments.where)
    check_exists(settings)
    upgraded(settings)
    with Collection(settings) as collection:
        _ACTIONS[action](collection, arguments)
    return 0


def _action_of(arguments: argparse.Namespace) -> str:
    """The action that was asked for. Raises InputError for options that do not go together."""
    given = [name for name in _ACTIONS if getattr(arguments, name, None) not in (None, False)]
    options = [f"--{name.replace('_', '-')}" for name in given]
    if len(given) > 1:
        raise InputError(f"{' and '.join(options)}: give one of them")
    if arguments.most < 1:
        raise InputError(f"--most {arguments.most}: expected 1 or more")
    if given == ["clear"]:
        if arguments.labels or not arguments.set:
            raise InputError("--clear: name the label set with --set NAME")
    elif given and (arguments.labels or arguments.set):
        raise InputError(f"{options[0]}: goes without --labels and --set")
    elif not (given or arguments.labels or arguments.set):
        raise InputError("give --labels A,B,…, --labels @FILE, or --set NAME of a stored label set")
    return given[0] if given else "tag"


def _tag(collection: Collection, arguments: argparse.Namespace) -> None:
    from mmembed.collection.tag_answers import tagged_json  # takes a while
    from mmembed.collection.tagging import TagWishes

    wishes = TagWishes(
        labels=tuple(labels_of(arguments.labels or None)),
        label_set=arguments.set or _name_of(arguments.labels),
        where=parse_where(arguments.where),
        threshold=arguments.threshold,
        precision=arguments.precision,
        compete=arguments.compete,
        dry_run=arguments.dry_run,
    )
    if not arguments.compete:
        embed_bank(collection)
    with Bar("pictures", opening="opening the model") as bar:
        tagged = collection.tag(wishes, bar.update)
    if arguments.json:
        print_json(tagged_json(tagged))
        return
    for line in tagged_lines(tagged):
        print(line)
    for note in tagged.notes:
        print(f"note: {plain(note)}", file=sys.stderr)


def _name_of(labels: str) -> str:
    from mmembed.collection.tagging import set_named_after  # takes a while

    return (set_named_after(Path(labels[1:])) if labels.startswith("@") else "") or DEFAULT_SET


def _clear(collection: Collection, arguments: argparse.Namespace) -> None:
    count = collection.untag(arguments.set)
    if arguments.json:
        print_json({"label_set": arguments.set, "removed": count})
    else:
        print(f"{plain(arguments.set)}: {counted(count, 'tag')} taken back")


def _list(collection: Collection, arguments: argparse.Namespace) -> None:
    known = collection.automatic_label_sets()
    if arguments.json:
        print_json({"label_sets": [{"name": name, "tags": count} for name, count in known.items()]})
        return
    for line in table(("tags", "set"), [(f"{count:,}", name) for name, count in known.items()]):
        print(line)


def _rejected(collection: Collection, arguments: argparse.Namespace) -> None:
    from mmembed.collection.tag_answers import rejected_json  # takes a while

    rejected = collection.rejected_tags(arguments.most)
    if arguments.json:
        print_json(rejected_json(rejected))
        return
    for line in rejected_lines(rejected):
        print(line)


def _allow_again(collection: Collection, arguments: argparse.Namespace) -> None:
    count = collection.allow_tags(arguments.allow_again)
    if arguments.json:
        print_json({"allowed": count})
    else:
        print(f"{counted(count, 'rejection')} forgotten")


def _check_tags(collection: Collection, arguments: argparse.Namespace) -> None:
    from mmembed.collection.tag_answers import checked_json  # takes a while

    checked = collection.check_tags(arguments.check, parse_where(arguments.where))
    if arguments.json:
        print_json(checked_json(checked, arguments.most))
        return
    for line in checked_lines(checked, arguments.most):
        print(line)


_ACTIONS = {
    "tag": _tag,
    "clear": _clear,
    "list": _list,
    "rejected": _rejected,
    "allow_again": _allow_again,
    "check": _check_tags,
}
"""By the option that asks for it."""
