"""Prints what `mmembed eval` measured."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from mmembed import files
from mmembed.cli.table import plain, print_json, table
from mmembed.errors import InputError
from mmembed.eval import CalibrationReport, Comparison, EvalReport, IndexReport
from mmembed.types import Failure

SHOWN_SKIPPED = 20

Measured: TypeAlias = EvalReport | Comparison | IndexReport | CalibrationReport


def tell(measured: Measured, json_to: str | None) -> int:
    """Print what was measured; 1 if some images were skipped. json_to: a file for it as JSON, or
    `-` to print JSON instead. Raises InputError."""
    if json_to is not None and json_to != "-":
        _write(Path(json_to), measured.as_json())
    if json_to == "-":
        print_json(measured.as_json())
    else:
        _print(measured)
    failures = _failures(measured)
    for failure in failures[:SHOWN_SKIPPED]:
        print(f"skipped: {plain(failure.message)}", file=sys.stderr)
    if len(failures) > SHOWN_SKIPPED:
        rest = len(failures) - SHOWN_SKIPPED
        print(f"… and {rest} more skipped; --json FILE lists them", file=sys.stderr)
    return 1 if failures else 0


def _print(measured: Measured) -> None:
    for heading in _headings(measured):
        print(plain(heading))
    for heads, rows in measured.tables():
        print()
        for line in table(heads, rows):
            print(line)
    notes = measured.notes if not isinstance(measured, Comparison) else measured.first.notes
    for note in notes:
        print(f"note: {plain(note)}", file=sys.stderr)


def _headings(measured: Measured) -> Sequence[str]:
    if isinstance(measured, Comparison):
        first, second = measured.first, measured.second
        return (
            f"A: {first.model}, {first.engine}; {first.origin()}",
            f"B: {second.model}, {second.engine}; {second.origin()}",
            _over(first, len(_failures(measured))),
            *_agreement(measured),
        )
    if isinstance(measured, CalibrationReport):
        return _calibration(measured)
    if isinstance(measured, EvalReport):
        return (f"{measured.model}; {measured.origin()}", _over(measured, len(measured.failures)))
    return (
        f"{measured.folder}: searched exactly up to {measured.exact_limit} vectors, "
        "then by the index",
    )


def _calibration(report: CalibrationReport) -> Sequence[str]:
    found = report.calibration
    return (
        f"{report.facts.name}: temperature {found.temperature:.3f}, kept in the collection; "
        f"prompts: {', '.join(found.templates)}",
        f"over {report.over}",
    )


def _agreement(comparison: Comparison) -> Sequence[str]:
    if comparison.agreement is None:
        return ()
    mean, lowest = comparison.agreement.mean, comparison.agreement.lowest
    return (f"cosine between A's and B's vectors of an image: {mean:.5f} on average, "
            f"{lowest:.5f} at least",)  # fmt: skip


def _over(report: EvalReport, skipped: int) -> str:
    return f"over {report.over}" + (f"; {skipped} skipped" if skipped else "")


def _failures(measured: Measured) -> list[Failure]:
    if isinstance(measured, IndexReport):
        return []
    if isinstance(measured, Comparison):
        return list(dict.fromkeys((*measured.first.failures, *measured.second.failures)))
    return list(measured.failures)


def _write(path: Path, answer: object) -> None:
    text = json.dumps(answer, ensure_ascii=False, indent=1) + "\n"
    try:
        files.replace(path, text.encode())
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error
