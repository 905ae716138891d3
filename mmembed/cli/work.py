"""`mmembed work`"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from typing import Any

from mmembed.cli.bar import Bar
from mmembed.cli.index_report import SHOWN_FAILURES, print_report
from mmembed.cli.needs_database import check_database
from mmembed.config.settings import Settings

DESCRIPTION = """\
Help with indexing, from this machine or any other: do pieces of the work that `mmembed index` has
planned in a database. Start as many as there are processors or GPUs. The pictures must lie at the
same paths everywhere, such as on a network share.

  mmembed index /photos --store postgresql://ann@db/photos --plan-only   on one machine
  mmembed work --store postgresql://ann@db/photos                        on each machine

A process may be stopped or killed at any moment: its piece returns to the others, and no picture is
done twice. On Ctrl-C or SIGTERM, it completes the pictures that it has begun, and gives the rest of
its piece back. docs/many-machines.md has the details.

Exit codes: 0 all is done; 1 some files failed; 2 wrong use; 130 interrupted before all was done.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    when = parser.add_mutually_exclusive_group()
    when.add_argument(
        "--until-done", action="store_false", dest="wait", default=False,
        help="end when no process has anything left to do (default)",
    )  # fmt: skip
    when.add_argument(
        "--wait", action="store_true", default=False, help="then wait for more work, without end"
    )
    parser.add_argument(
        "--profile", action="store_true", help="say how busy each stage was, and which is the limit"
    )
    parser.add_argument(
        "--all-failures", action="store_true", help=f"list them all, not the first {SHOWN_FAILURES}"
    )


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Work; 1 if some files failed, 130 if it was told to end before all was done."""
    from mmembed.collection.collection import Collection  # takes a while

    check_database(settings, "`mmembed work`")
    ending = threading.Event()
    _end_on_signals(ending)
    with Collection(settings) as collection, Bar("images of all processes") as bar:
        report = collection.work(bar.update, ending=ending, until_done=not arguments.wait)
        bar.close()
    print_report(report, arguments)
    if report.interrupted:
        print("interrupted; what it left is others' work now", file=sys.stderr)
        return 130
    return 1 if report.failures else 0


def _end_on_signals(ending: threading.Event) -> None:
    """The first signal ends the work in order, a second one at once."""

    def end(*_: Any) -> None:
        if ending.is_set():
            raise KeyboardInterrupt
        ending.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
