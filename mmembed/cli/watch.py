"""`mmembed index --watch`: goes on with every change of the folders."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from mmembed.cli.table import plain
from mmembed.errors import InputError
from mmembed.places import Place

if TYPE_CHECKING:
    from mmembed.collection.collection import Collection
    from mmembed.ingest.watch import Note
    from mmembed.store.pieces import Missing

SAID = {
    "gone": "its picture stays; --remove-missing takes it out",
    "watching": "every change is indexed from now on",
}


def add_watch_options(parser: argparse.ArgumentParser) -> None:
    """Adds --watch, --poll and --remove-missing."""
    parser.add_argument(
        "--watch", action="store_true",
        help="then go on with every change of the folders, until it is interrupted",
    )  # fmt: skip
    parser.add_argument(
        "--poll", type=float, metavar="SECONDS",
        help="with --watch: look at the folders so often, and use no events (default: where none "
        "come, as from network disks, every 30 s)",
    )  # fmt: skip
    parser.add_argument(
        "--remove-missing", action="store_true",
        help="take out pictures whose files are gone, also where PATH itself is gone or empty; "
        "with --watch they stay otherwise",
    )  # fmt: skip


def check_watch_options(arguments: argparse.Namespace, *, elsewhere: bool) -> None:
    """Raises InputError for options that do not go together. elsewhere: whether other processes
    are to do the work."""
    if arguments.poll is not None and not arguments.watch:
        raise InputError("--poll: it is for --watch; name both")
    if arguments.watch and elsewhere:
        raise InputError("--watch: this process does the work; leave out --plan-only and Ray")
    if arguments.remove_missing and arguments.plan_only:
        raise InputError("--remove-missing: it is for an indexing; leave out --plan-only")


def missing_of(arguments: argparse.Namespace) -> Missing:
    """Whether pictures of missing files leave."""
    if arguments.watch:
        return "leave" if arguments.remove_missing else "stay"
    return "leave_all" if arguments.remove_missing else "leave"


def watch(
    collection: Collection,
    paths: Sequence[Place],
    arguments: argparse.Namespace,
    first: Callable[[], object],
) -> int:
    """Watch until a signal; returns the exit code of an interrupted indexing. first: indexes."""
    with suppress(KeyboardInterrupt):
        collection.watch(
            paths,
            _tell,
            manifests=arguments.captions,
            remove_missing=arguments.remove_missing,
            poll_s=arguments.poll,
            ending=_ending_on_signals(),
            first=first,
        )
    print("interrupted; run the same command again to go on", file=sys.stderr)
    return 130


def _ending_on_signals() -> threading.Event:
    """An event that is set by the signals that interrupt. The interrupt alone may be lost: Python
    drops exceptions in callbacks of libraries."""
    ending = threading.Event()

    def end(*_: Any) -> None:
        ending.set()
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    return ending


def _tell(note: Note) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line(note)}", flush=True)


def line(note: Note) -> str:
    """One line for a change."""
    said = note.said or SAID.get(note.what, "")
    if note.what == "failed":  # the reason names the file
        return plain(f"failed: {said}")
    if note.what == "moved":
        return plain(f"moved {note.path} {said}".rstrip())
    name = f" {note.path}" if note.path else ""
    return plain(f"{note.what}{name}" + (f": {said}" if said else ""))
