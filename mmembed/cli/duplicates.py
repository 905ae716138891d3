"""`mmembed duplicates`"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mmembed.cli.bar import Bar
from mmembed.cli.duplicates_report import csv_lines, shown, summary
from mmembed.cli.open_to_read import check_exists
from mmembed.cli.options import add_filter
from mmembed.cli.table import plain, print_json, shown_size
from mmembed.cli.upgrade import upgraded
from mmembed.config.commands import command
from mmembed.config.settings import Settings, expanded
from mmembed.counted import counted
from mmembed.errors import InputError
from mmembed.filters.parse import parse_where
from mmembed.item_json import item_json
from mmembed.types import DUPLICATE_CLASSES, DuplicateClass, Progress

if TYPE_CHECKING:
    from mmembed.collection.collection import Collection
    from mmembed.collection.move_duplicates import MovedDuplicates
    from mmembed.explore.duplicates.entries import DescribedDuplicates, DuplicateGroup, Findings

DESCRIPTION = """\
List pictures that are there more than once, in four classes: identical (the same bytes), same_shot
(re-encoded, resized, cropped or mirrored), burst (taken within seconds, and alike) and
look_alike. Of each group one picture is proposed to be kept. Nothing is ever deleted.

  mmembed duplicates
  mmembed duplicates --where 'date>=2024' --class same_shot
  mmembed duplicates --json > duplicates.json
  mmembed duplicates --not-duplicates 12 57      remembered; also for later copies of these

--move-to moves the others of each group into a folder, below their whole paths, and writes a log
there. They stay in the collection. Without --class, only identical and same_shot are moved.

  mmembed duplicates --move-to ~/duplicates --dry-run
  mmembed duplicates --move-to ~/duplicates
  mmembed duplicates --undo ~/duplicates/duplicates-20260714-205107-1a2b3c.jsonl

Pictures that an earlier version indexed have no perceptual hashes, or no hashes that find crops:

  mmembed duplicates --hash                      computes them, once

Exit codes: 0 done; 1 some pictures could not be read or moved; 2 wrong use; 130 interrupted.
"""
SHOWN = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    add_filter(parser, "only items that pass a filter")
    parser.add_argument(
        "--class", dest="classes", action="append", choices=DUPLICATE_CLASSES,
        help="only this class; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "-n", type=int, default=SHOWN, metavar="N",
        help=f"groups of each class in the table (default {SHOWN}); --json and --csv have all",
    )  # fmt: skip
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON instead of a table")
    form.add_argument("--csv", action="store_true", help="print CSV, a row for each picture")
    act = parser.add_mutually_exclusive_group()
    act.add_argument(
        "--move-to", metavar="DIR", type=Path, help="move all but the kept ones into a folder"
    )
    act.add_argument("--undo", metavar="LOG", type=Path, help="move the pictures of a log back")
    act.add_argument(
        "--not-duplicates", nargs="+", type=int, metavar="ID",
        help="remember that these pictures are no duplicates of each other",
    )  # fmt: skip
    act.add_argument(
        "--forget", nargs="+", type=int, metavar="ID",
        help="forget what was said of two or more of these",
    )  # fmt: skip
    act.add_argument(
        "--hash", action="store_true", help="compute missing perceptual hashes, and end"
    )
    parser.add_argument("--dry-run", action="store_true", help="count, and move nothing")


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """List, move, or remember."""
    if arguments.n < 1:
        raise InputError(f"-n {arguments.n}: expected 1 or more")
    if arguments.dry_run and arguments.move_to is None:
        raise InputError("--dry-run: goes with --move-to")
    if (arguments.where or arguments.classes) and _action(arguments) not in (_list, _move):
        raise InputError("--where and --class: go with the list of duplicates and with --move-to")
    parse_where(arguments.where)
    check_exists(settings)
    from mmembed.collection.collection import Collection  # takes a while

    upgraded(settings)
    with Collection(settings) as collection:
        return _action(arguments)(collection, arguments)


def _action(arguments: argparse.Namespace) -> Callable[[Collection, argparse.Namespace], int]:
    if arguments.move_to is not None:
        return _move
    if arguments.undo is not None:
        return _undo
    if arguments.not_duplicates or arguments.forget:
        return _remember
    return _hash if arguments.hash else _list


@contextmanager
def _stages() -> Iterator[Callable[[str], Progress]]:
    """A bar for each stage of the work, one after the other."""
    with ExitStack() as bars:

        def stage(name: str) -> Progress:
            bars.close()
            return bars.enter_context(Bar(f"pictures, {name}", opening="")).update

        yield stage


def _list(collection: Collection, arguments: argparse.Namespace) -> int:
    with _stages() as stages:
        found = collection.duplicates(parse_where(arguments.where), stages=stages)
    classes = arguments.classes or DUPLICATE_CLASSES
    if arguments.json or arguments.csv:
        groups = [group for group in found.groups if group.kind in classes]
        described = collection.described_duplicates(groups)
    else:
        groups = _first_of_each_class(found, classes, arguments.n)
        described = collection.described_duplicates(groups, SHOWN)
    if arguments.json:
        print_json(_as_json(found, described))
        return 0
    lines = csv_lines(described) if arguments.csv else shown(described, found, classes)
    for line in lines:
        print(line)
    for line in [] if arguments.csv else summary(found, classes):
        print(line)
    _tell_unhashed(found)
    return 0


def _as_json(found: Findings, described: Sequence[DescribedDuplicates]) -> dict[str, object]:
    from mmembed.collection.duplicates_json import duplicates_json

    return {
        "groups": [duplicates_json(group, item_json) for group in described],
        "pictures": found.items,
        "without_hashes": found.unhashed,
    }


def _tell_unhashed(found: Findings) -> None:
    if found.unhashed:
        print(
            f"{found.unhashed:,} of {found.pictures:,} pictures have no perceptual hashes, or "
            "those of an earlier version, so that copies and crops of them are not found for "
            f"certain; {command('duplicates', '--hash')} computes them",
            file=sys.stderr,
        )


def _hash(collection: Collection, arguments: argparse.Namespace) -> int:
    with Bar("pictures", opening="") as bar:
        hashed = collection.hash_pictures(bar.update)
    print(f"{counted(hashed.pictures, 'picture')} hashed")
    if hashed.failed:
        print(
            f"{counted(hashed.failed, 'picture')} could not be read: their files are gone, or have "
            "changed; index their folders again",
            file=sys.stderr,
        )
    return 1 if hashed.failed else 0


def _remember(collection: Collection, arguments: argparse.Namespace) -> int:
    if arguments.forget:
        count = collection.forget_not_duplicates(arguments.forget)
        print(f"{counted(count, 'decision')} forgotten")
        return 0 if count else 1
    collection.say_not_duplicates(arguments.not_duplicates)
    ids = " ".join(map(str, arguments.not_duplicates))
    print(f"remembered: {len(arguments.not_duplicates)} pictures are no duplicates of each other")
    print(f"`{command('duplicates', '--forget')} {ids}` forgets it")
    return 0


def _move(collection: Collection, arguments: argparse.Namespace) -> int:
    folder = expanded(arguments.move_to, "--move-to")
    chosen = {"classes": tuple(arguments.classes)} if arguments.classes else {}
    with _stages() as stages:
        moved = collection.move_duplicates(
            folder,
            where=parse_where(arguments.where),
            stages=stages,
            dry_run=arguments.dry_run,
            **chosen,
        )
    verb = "would be moved" if arguments.dry_run else "moved"
    size = shown_size(moved.bytes)
    print(f"{counted(moved.pictures, 'picture')}, {size}, {verb} to {plain(str(folder))}")
    if moved.log is not None:
        undo = command("duplicates", "--undo", str(moved.log))
        print(f"they stay in the collection, at their new places; {undo} moves them back")
    if moved.uploads:
        print(f"{counted(moved.uploads, 'upload')} stay: their only files are in the data folder")
    return _ended(moved)


def _undo(collection: Collection, arguments: argparse.Namespace) -> int:
    with Bar("pictures", opening="") as bar:
        moved = collection.undo_moves(expanded(arguments.undo, "--undo"), bar.update)
    print(f"{counted(moved.pictures, 'picture')} moved back")
    return _ended(moved)


def _ended(moved: MovedDuplicates) -> int:
    for failure in moved.failures[:SHOWN]:
        print(f"failed: {plain(failure.message)}", file=sys.stderr)
    if len(moved.failures) > SHOWN:
        print(f"failed: {len(moved.failures) - SHOWN} more", file=sys.stderr)
    if moved.interrupted:
        print("interrupted; the same command continues", file=sys.stderr)
        return 130
    return 1 if moved.failures else 0


def _first_of_each_class(
    found: Findings, classes: Sequence[DuplicateClass], count: int
) -> list[DuplicateGroup]:
    return [
        group
        for name in classes
        for group in [one for one in found.groups if one.kind == name][:count]
    ]
