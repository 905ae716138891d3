"""`mmembed index`"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mmembed.cli.bar import Bar
from mmembed.cli.table import plain, table
from mmembed.collection import Collection
from mmembed.config import Settings, expanded
from mmembed.ingest import Report, limit

DESCRIPTION = """\
Walk folders and embed every picture that is new or changed. Stop it whenever you like, and
run it again: it goes on where it was.

Captions are taken from name.txt beside name.jpg, from files called captions or metadata
(.jsonl, .csv, .tsv, .parquet) in the folders, and from --captions FILE. Their columns are
file_name, caption or captions, and tags.

  mmembed index ~/Pictures
  mmembed index photos --captions captions.jsonl --data ./my-collection
"""
SHOWN_FAILURES = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="folder or picture")
    parser.add_argument(
        "--captions", action="append", default=[], type=Path, metavar="FILE",
        help="manifest with captions and tags; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--thumbnails", action=argparse.BooleanOptionalAction, default=None,
        help="make the page's thumbnails from the same decoding (default: when they are shown)",
    )  # fmt: skip
    parser.set_defaults(settings_of=lambda parsed: {"thumbnails": parsed.thumbnails})
    parser.add_argument(
        "--profile", action="store_true", help="say how busy each stage was, and which is the limit"
    )
    parser.add_argument(
        "--all-failures", action="store_true", help=f"list them all, not the first {SHOWN_FAILURES}"
    )


def run(settings: Settings, asked: argparse.Namespace) -> int:
    """Index; 1 if some files failed, 130 if it was interrupted."""
    paths = [expanded(path, "PATH") for path in asked.paths]
    with Collection(settings) as collection, Bar() as bar:
        report = collection.index(paths, manifests=asked.captions, progress=bar.update)
        bar.close()
        for line in summary(report):
            print(line)
        for line in failures(report, None if asked.all_failures else SHOWN_FAILURES):
            print(line, file=sys.stderr)
        if asked.profile and report.stages:
            for line in profile(report):
                print(line)
        print(f"model: {collection.binding.choice.reason}; folder: {settings.data}")
    if report.interrupted:
        print("interrupted; run the same command again to go on", file=sys.stderr)
        return 130
    return 1 if report.failures else 0


def summary(report: Report) -> list[str]:
    """What was done, in a few lines; what did not happen is not mentioned."""
    rate = f", {report.embedded / report.seconds:.1f} a second" if report.embedded else ""
    lines = [f"{report.total} pictures in {report.seconds:.1f} s"]
    counts = [
        (report.embedded, f"embedded{rate}"),
        (report.copies, "copies of content that was embedded before"),
        (report.unchanged, "unchanged"),
        (report.touched, "with a new time and the same content"),
        (report.moved, "moved"),
        (report.removed, "gone, and removed from the collection"),
        (report.recaptioned, "with other captions than before"),
        (len(report.failures), "failed"),
    ]
    lines += [f"{count:>8} {what}" for count, what in counts if count]
    passed = [
        (report.hidden, "hidden"),
        (report.linked, "linked folders"),
        (report.other, "other files"),
    ]
    if any(count for count, _ in passed):
        named = ", ".join(f"{count} {what}" for count, what in passed if count)
        lines.append(f"passed over: {named}")
    if report.kept_because_empty:
        lines.append(
            "no pictures at all were found where some are known, so nothing was removed; "
            "is a disk missing?"
        )
    return lines


def profile(report: Report) -> list[str]:
    """How busy each stage was. Stages that several threads work on are busy where all are."""
    files = max(1, report.total - report.unchanged)
    rows = [
        (one.stage, f"{one.busy:.0%}", f"{one.seconds / files * 1000:.2f}")
        for one in report.stages
        if one.seconds
    ]
    return [*table(("stage", "busy", "ms a file"), rows), f"the limit: {limit(report.stages)}"]


def failures(report: Report, limit: int | None) -> list[str]:
    """What failed and why, a line each."""
    shown = report.failures[:limit]
    lines = [f"failed: {plain(failure.message)}" for failure in shown]
    if len(shown) < len(report.failures):
        rest = len(report.failures) - len(shown)
        lines.append(f"… and {rest} more failed; --all-failures lists them")
    return lines
