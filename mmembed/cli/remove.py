"""`mmembed remove`"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mmembed.cli.open_to_read import check_exists
from mmembed.cli.options import Once, expanded_place
from mmembed.cli.table import plain, table
from mmembed.cli.upgrade import upgraded
from mmembed.config.settings import Settings
from mmembed.counted import counted
from mmembed.errors import InputError
from mmembed.filters.parse import parse_where
from mmembed.places import Place, place_of

if TYPE_CHECKING:
    from mmembed.collection.collection import Collection, Removed

DESCRIPTION = """\
Take pictures out of the collection, with their captions: one file, or all below a folder, even if
the folder is gone; or all that pass a filter. Files are never touched, and uploads stay.

The next `mmembed index` of the folder brings them back, unless one of these is given:
--keep-out passes over the PATH itself, whatever it holds later;
--ignore passes over the pictures' contents, wherever they come up: copies under other names, too.

  mmembed remove ~/Pictures/phone
  mmembed remove ~/Pictures/private --keep-out
  mmembed remove --where 'tag:screenshot and date<2020' --dry-run
  mmembed remove ~/Pictures/ugly.jpg --ignore
  mmembed remove --list-ignored
  mmembed remove --stop-ignoring ~/Pictures/ugly.jpg
  mmembed remove /mnt/old-disk --dry-run

Exit codes: 0 done; 1 nothing of some PATH is in the collection; 2 wrong use.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument(
        "paths", nargs="*", type=place_of, metavar="PATH", help="folder, tar, picture or address"
    )
    parser.add_argument(
        "--where", default="", metavar="FILTER", action=Once,
        help="only pictures that pass it, below PATH or of the whole collection",
    )  # fmt: skip
    parser.add_argument(
        "--keep-out", action="store_true",
        help="later indexings pass over it; `mmembed index --include-removed` takes it back",
    )  # fmt: skip
    parser.add_argument(
        "--ignore", action="store_true",
        help="later indexings pass over these contents under whatever name",
    )  # fmt: skip
    parser.add_argument(
        "--list-ignored", action="store_true", help="list the ignored contents, and where they lay"
    )
    parser.add_argument(
        "--stop-ignoring", nargs="+", default=[], type=place_of, metavar="PATH|SHA256",
        help="let ignored contents in again at the next indexing",
    )  # fmt: skip
    parser.add_argument(
        "--dry-run", action="store_true", help="count the pictures, and remove nothing"
    )


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Remove; 1 if there was nothing below some path."""
    from mmembed.collection.collection import Collection  # takes a while

    _check(arguments)
    where = parse_where(arguments.where)
    check_exists(settings)
    upgraded(settings)
    with Collection(settings) as collection:
        if arguments.list_ignored:
            _list(collection)
            return 0
        if arguments.stop_ignoring:
            return _stop_ignoring(collection, arguments.stop_ignoring)
        how = {"keep_out": arguments.keep_out, "ignore": arguments.ignore}
        how["dry_run"] = arguments.dry_run
        if not arguments.paths:
            removed = collection.remove_where(where, **how)
            return _say(arguments.where, removed, arguments)
        missed = 0
        for path in arguments.paths:
            wanted = expanded_place(path, "PATH")
            removed = collection.remove_path(wanted, where=where, **how)
            missed += _say(str(wanted), removed, arguments)
    return 1 if missed else 0


def _check(arguments: argparse.Namespace) -> None:
    """Raises InputError where it is not clear what is to be removed."""
    removes = bool(arguments.paths or arguments.where)
    others = arguments.list_ignored + bool(arguments.stop_ignoring)
    if removes + others == 0:
        raise InputError("nothing to remove was named: a PATH, or --where FILTER")
    if removes + others > 1:
        raise InputError("--list-ignored and --stop-ignoring each stand alone")


def _list(collection: Collection) -> None:
    contents = collection.ignored()
    rows = [(one.sha256[:16], next(iter(sorted(one.files)), "")) for one in contents]
    for shown in table(("sha256", "picture"), rows):
        print(shown)
    print(f"{counted(len(contents), 'ignored content')}")


def _stop_ignoring(collection: Collection, names: Sequence[Place]) -> int:
    counts = collection.stop_ignoring(names)
    for name, count in zip(names, counts, strict=True):
        said = f"{counted(count, 'content')} may come in again" if count else "is not ignored"
        print(f"{plain(str(name))}: {said}", file=sys.stdout if count else sys.stderr)
    return 0 if all(counts) else 1


def _say(name: str, removed: Removed, arguments: argparse.Namespace) -> bool:
    """Print what was done; returns whether that was nothing."""
    is_kept_out = arguments.keep_out and not arguments.dry_run and not arguments.where
    has_effect = bool(removed.images) or is_kept_out
    print(_said(name, removed, arguments), file=sys.stdout if has_effect else sys.stderr)
    return not has_effect


def _said(name: str, removed: Removed, arguments: argparse.Namespace) -> str:
    name = plain(name)
    uploads = f"; {counted(removed.uploads, 'upload')} left" if removed.uploads else ""
    if not removed.images:
        kept_out = (
            "; it is kept out from now on" if arguments.keep_out and not arguments.dry_run else ""
        )
        return f"{name}: nothing of it is in the collection{uploads}{kept_out}"
    verb = "would be removed" if arguments.dry_run else "removed"
    after = ", and kept out" if arguments.keep_out else ""
    after += ", and ignored" if arguments.ignore else ""
    copies = f" ({removed.copies} of them copies elsewhere)" if removed.copies else ""
    counts = f"{counted(removed.images, 'picture')} and {counted(removed.captions, 'caption')}"
    return f"{name}: {counts}{copies} {verb}{after}{uploads}"
