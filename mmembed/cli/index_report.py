"""The result of an indexing in lines for people."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from mmembed.cli.table import plain, table
from mmembed.counted import counted

if TYPE_CHECKING:
    from mmembed.collection.collection import Report

SHOWN_FAILURES = 20
LONG_OPENING_S = 1.0
"""So long an opening of the model is told by itself: the pace would seem that of a slow machine."""


def print_report(report: Report, arguments: argparse.Namespace) -> None:
    """The summary, the failures, and the stages if they are wanted."""
    for line in summary(report):
        print(line)
    for line in failures(report, None if arguments.all_failures else SHOWN_FAILURES):
        print(line, file=sys.stderr)
    if arguments.profile and report.stages:
        for line in profile(report):
            print(line)


def summary(report: Report) -> list[str]:
    """The result in a few lines; counts of zero are left out."""
    opening = report.opening_seconds if report.opening_seconds >= LONG_OPENING_S else 0.0
    worked = max(report.seconds - opening, 1e-9)
    rate = f", {report.embedded / worked:.1f} a second" if report.embedded else ""
    waited = f", of which the model took {opening:.1f} s to open" if opening else ""
    lines = [f"{counted(report.total, 'picture')} in {report.seconds:.1f} s{waited}"]
    counts = [
        (report.embedded, f"embedded{rate}"),
        (report.copies, "copies of content that was embedded before"),
        (report.unchanged, "unchanged"),
        (report.touched, "with a new time and the same content"),
        (report.moved, "moved"),
        (report.removed, "gone or passed over, and removed from the collection"),
        (report.missing, "gone, and kept in the collection (--remove-missing takes them out)"),
        (report.recaptioned, "with other captions than before"),
        (report.headers, "with dates and cameras that were read now"),
        (report.cut, "long captions that are found by each of their parts now"),
        (len(report.failures), "failed"),
    ]
    lines += [f"{count:>8} {what}" for count, what in counts if count]
    passed = [
        (report.hidden, "hidden"),
        (report.linked, "linked folders"),
        (report.system, "parts of systems (--include-system enters them)"),
        (report.excluded, "excluded"),
        (report.kept_out, "taken out for good (--include-removed takes them back)"),
        (report.collections, "data folders' own files"),
        (report.other, "other files"),
    ]
    if any(count for count, _ in passed):
        named = ", ".join(f"{count} {what}" for count, what in passed if count)
        lines.append(f"passed over: {named}")
    return lines


def emptiness(report: Report) -> list[str]:
    """The named paths without a picture."""
    lines = [f"no pictures below {plain(path)}" for path in report.empty]
    if report.kept_because_empty:
        lines.append(
            "no pictures at all were found below a path with known pictures, so nothing was "
            "removed; is a disk missing? `mmembed remove PATH` takes them out"
        )
    elif not report.total:
        lines.append(_hint(report))
    return lines


def _hint(report: Report) -> str:
    if report.system or report.excluded or report.kept_out or report.hidden:
        return "no pictures were found: all that may hold some was passed over, as said above"
    return (
        "no pictures were found: files count as pictures by their ending, such as .jpg, .png, "
        ".webp, .heic or .tif; name the folder that they lie in"
    )


def profile(report: Report) -> list[str]:
    """How busy each stage was. A stage of several threads is busy if all of them are."""
    files = max(1, report.total - report.unchanged)
    rows = [
        (stage.stage, f"{stage.busy:.0%}", f"{stage.seconds / files * 1000:.2f}")
        for stage in report.stages
        if stage.seconds
    ]
    return [*table(("stage", "busy", "ms a file"), rows), f"the limit: {report.limit()}"]


def failures(report: Report, limit: int | None) -> list[str]:
    """The failures with their reasons, a line each."""
    shown = report.failures[:limit]
    lines = [f"failed: {plain(failure.message)}" for failure in shown]
    if len(shown) < len(report.failures):
        rest = len(report.failures) - len(shown)
        lines.append(f"… and {rest} more failed; --all-failures lists them")
    return lines
