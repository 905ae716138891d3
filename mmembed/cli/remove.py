"""`mmembed remove`"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from mmembed.cli.open_to_read import check_exists
from mmembed.cli.options import expanded_place
from mmembed.cli.table import counted, plain
from mmembed.cli.upgrade import upgraded
from mmembed.config.settings import Settings
from mmembed.places import Place, place_of

if TYPE_CHECKING:
    from mmembed.collection.collection import Removed

DESCRIPTION = """\
Take pictures out of the collection, with their captions: one file, or all below a folder, even if
the folder is gone. Files are never touched, and uploads stay.

The next `mmembed index` of the folder brings them back, unless --keep-out is given.

  mmembed remove ~/Pictures/phone
  mmembed remove ~/Pictures/private --keep-out
  mmembed remove /mnt/old-disk --dry-run

Exit codes: 0 done; 1 nothing of some PATH is in the collection; 2 wrong use.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument(
        "paths", nargs="+", type=place_of, metavar="PATH", help="folder, tar, picture or address"
    )
    parser.add_argument(
        "--keep-out", action="store_true",
        help="later indexings pass over it; `mmembed index --include-removed` takes it back",
    )  # fmt: skip
    parser.add_argument(
        "--dry-run", action="store_true", help="list the pictures, and remove nothing"
    )


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Remove; 1 if there was nothing below some path."""
    from mmembed.collection.collection import Collection  # takes a while

    check_exists(settings)
    missed = 0
    upgraded(settings)
    with Collection(settings) as collection:
        for path in arguments.paths:
            wanted = expanded_place(path, "PATH")
            removed = collection.remove_path(
                wanted, keep_out=arguments.keep_out, dry_run=arguments.dry_run
            )
            has_effect = bool(removed.images) or (arguments.keep_out and not arguments.dry_run)
            missed += not has_effect
            print(_said(wanted, removed, arguments), file=sys.stdout if has_effect else sys.stderr)
    return 1 if missed else 0


def _said(path: Place, removed: Removed, arguments: argparse.Namespace) -> str:
    name = plain(str(path))
    uploads = f"; {removed.uploads} uploads stay" if removed.uploads else ""
    if not removed.images:
        kept_out = (
            "; it is kept out from now on" if arguments.keep_out and not arguments.dry_run else ""
        )
        return f"{name}: nothing of it is in the collection{uploads}{kept_out}"
    verb = "would be removed" if arguments.dry_run else "removed"
    kept_out = ", and kept out" if arguments.keep_out else ""
    counts = f"{counted(removed.images, 'picture')} and {counted(removed.captions, 'caption')}"
    return f"{name}: {counts} {verb}{kept_out}{uploads}"
