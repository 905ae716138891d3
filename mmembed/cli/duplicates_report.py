"""Groups of duplicates as a table and as CSV."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mmembed.cli.table import shown_path, table
from mmembed.counted import counted

if TYPE_CHECKING:
    from mmembed.explore.duplicates.entries import CopyEvidence, DescribedDuplicates, Findings
    from mmembed.types import Item

HEADS = ("", "id", "pixels", "kB", "picture", "")
NAMES = {
    "identical": "the same bytes",
    "same_shot": "the same shot, in another file",
    "burst": "taken within seconds, and alike",
    "look_alike": "alike",
}
COLUMNS = (
    *("group", "class", "keep", "id", "path", "width", "height", "bytes", "format", "date"),
    *("sha256", "cosine", "likeness", "bits", "mirrored", "cropped", "seconds", "reason"),
)


def shown(
    described: Sequence[DescribedDuplicates], found: Findings, classes: Sequence[str]
) -> Iterator[str]:
    """The groups as tables, class by class."""
    for name in classes:
        total = sum(group.kind == name for group in found.groups)
        groups = [group for group in described if group.kind == name]
        if not groups:
            continue
        more = f", the first {len(groups)}" if total > len(groups) else ""
        yield f"{name}: {NAMES[name]} ({counted(total, 'group')}{more})"
        yield from table(HEADS, _rows(groups))
        yield ""


def _rows(groups: Sequence[DescribedDuplicates]) -> Iterator[tuple[str, ...]]:
    for group in groups:
        yield _row("keep", group.kept, group.reason)
        for spare in group.others:
            yield _row("", spare.item, _compared(spare.evidence))
        if group.total_others > len(group.others):
            yield "", "", "", "", f"and {group.total_others - len(group.others):,} more", ""


def _row(mark: str, item: Item, compared: str) -> tuple[str, ...]:
    pixels = f"{item.width}×{item.height}"
    size = f"{(item.bytes or 0) / 1e3:,.0f}"
    return mark, str(item.id), pixels, size, shown_path(item.path), compared


def _compared(evidence: CopyEvidence | None) -> str:
    if evidence is None:
        return "equal"
    parts = [f"cosine {evidence.cosine:.3f}"]
    if evidence.bits is not None:
        how = f"{' cropped' * evidence.cropped}{' mirrored' * evidence.mirrored}"
        parts.append(f"{evidence.bits} of 128 bits{how}")
    if evidence.seconds is not None:
        parts.append(f"{evidence.seconds:+g} s")
    return ", ".join(parts)


def summary(found: Findings, classes: Sequence[str]) -> Iterator[str]:
    """The result in a line, and a line for each class."""
    if not found.groups:
        yield f"no duplicates among {counted(found.items, 'picture')}"
        return
    if not any(group.kind in classes for group in found.groups):
        others = Counter(group.kind for group in found.groups)
        there = ", ".join(f"{counted(count, 'group')} of {kind}" for kind, count in others.items())
        yield f"no {' or '.join(classes)} among {counted(found.items, 'picture')}; {there}"
        return
    yield f"{counted(found.items, 'picture')} looked at"
    for name in classes:
        groups = [group for group in found.groups if group.kind == name]
        spare = sum(len(group.item_ids) - 1 for group in groups)
        if groups:
            yield f"{len(groups):>10,} of {name}, with {spare:,} besides the kept ones"


def csv_lines(described: Sequence[DescribedDuplicates]) -> Iterator[str]:
    """A header and a row for each picture; rows of a group have its number."""
    yield _csv(COLUMNS)
    for number, group in enumerate(described, 1):
        yield _csv(_cells(number, group, group.kept, None, group.reason))
        for spare in group.others:
            yield _csv(_cells(number, group, spare.item, spare.evidence, ""))


def _cells(
    number: int,
    group: DescribedDuplicates,
    item: Item,
    evidence: CopyEvidence | None,
    reason: str,
) -> list[object]:
    compared: list[object] = [None] * 6
    if evidence is not None:
        seen = evidence.bits, evidence.mirrored, evidence.cropped, evidence.seconds
        compared = [evidence.cosine, evidence.likeness, *seen]
    keep = "yes" if item is group.kept else ""
    facts = (item.id, item.path, item.width, item.height, item.bytes, item.format, item.moment)
    return [number, group.kind, keep, *facts, item.sha256, *compared, reason]


def _csv(cells: Sequence[object]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(cells)
    return line.getvalue()
