"""`mmembed restore`"""

from __future__ import annotations

import argparse
from pathlib import Path

from mmembed.config.settings import Settings, expanded
from mmembed.counted import counted
from mmembed.errors import InputError

DESCRIPTION = """\
Put a backup of catalog.sqlite3 in place of a collection's catalog. The backup is checked first, and
the replaced files are moved into a folder beside it. Stop the server before.

  mmembed restore backup.sqlite3
  mmembed restore backup.sqlite3 --data ./my-collection

Copying a backup over the file by hand is not enough after a crash: its log would be applied to
the backup. Uploaded files (originals/) are restored by copying them back.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument("backup", type=Path, metavar="BACKUP", help="copy of a catalog.sqlite3")


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Restore, and print the state of the collection."""
    if settings.store:
        raise InputError(
            f"{settings.place}: a database is restored by its own tools, such as pg_restore; leave "
            "out --store and MMEMBED_STORE to restore a folder"
        )
    from mmembed.collection.collection import Collection, restore  # takes a while

    aside = restore(expanded(arguments.backup, "BACKUP"), settings.data)
    with Collection(settings) as collection:
        images, captions = (collection.count(kind) for kind in ("image", "caption"))
    print(
        f"{settings.data}: {counted(images, 'image')}, {counted(captions, 'caption')}, as in "
        f"{arguments.backup}"
    )
    if aside is not None:
        print(f"the former files are in {aside}; delete it when you are content")
    return 0
