"""Reads captions, tags and labels of images from JSONL, CSV, TSV or Parquet files."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from mmembed.counted import counted
from mmembed.errors import ManifestError
from mmembed.ingest.caption_rules import SaidLimits, captions_in, tags_in
from mmembed.ingest.columns import Columns, Row
from mmembed.ingest.manifest_fields import FurtherFields
from mmembed.ingest.manifest_rows import Open, first_of, rows_of
from mmembed.places import Place, absolute, is_address

FILE_COLUMNS = (
    *("file_name", "filename", "file", "image", "path", "filepath", "file_path"),
    *("url", "uri"),
)
CAPTION_COLUMNS = ("captions", "caption", "text")
TAG_COLUMNS = ("tags", "keywords")
LABEL_COLUMNS = ("label", "class", "class_name", "category")
SAID_COLUMNS = frozenset(CAPTION_COLUMNS + TAG_COLUMNS)
"""Every other column is a field that filters know. So is a file column beside the one that names
the file."""
COLUMNS = Columns(FILE_COLUMNS + CAPTION_COLUMNS + TAG_COLUMNS + LABEL_COLUMNS, FILE_COLUMNS)
LONGEST_NAME = 4096
"""Characters of a file name."""
NAMED_FAULTS = 1000
"""Rows of one file that are reported one by one."""
DEFAULT = SaidLimits()
_IN_NO_ADDRESS = re.compile(r"[\x00-\x1f\x7f]")


@dataclass
class ManifestWords:
    """Captions and tags of one image, each once, in the order they were met, and its fields."""

    captions: dict[str, None] = field(default_factory=dict)
    tags: dict[str, None] = field(default_factory=dict)
    fields: str = ""
    """A JSON object; empty where there is none. Of two rows, the first says a field."""
    where: str = ""
    """The manifest and line that first named the image."""


def read_manifest(
    path: Place,
    folder: Path | None = None,
    *,
    limits: SaidLimits = DEFAULT,
    faults: list[ManifestError] | None = None,
    opened: Open | None = None,
) -> dict[str, ManifestWords]:
    """Words by absolute image path or address; rows that name the same file add up.

    Relative file names are relative to `folder`, else to the manifest's. Bad rows are left out and
    noted in `faults`, with file and line; without `faults` the first one is raised. opened: opens
    a manifest that lies elsewhere. Raises ManifestError if the manifest cannot be read at all.
    """
    found: dict[str, ManifestWords] = {}
    noted, home = Faults(path, faults), str(folder or os.path.dirname(path))
    typed = not str(path).lower().endswith((".csv", ".tsv"))
    further = FurtherFields(SAID_COLUMNS, typed=typed)
    for number, row in rows_of(path, replace(COLUMNS, further=True), opened):
        try:
            row, name = _named(row)
            column_of_file = next(column for column in FILE_COLUMNS if row.get(column))
            cells = [row[column] for column in CAPTION_COLUMNS if row.get(column)]
            captions = [text for cell in cells for text in captions_in(cell, limits)]
            cells = [row[column] for column in TAG_COLUMNS if row.get(column)]
            tags = [text for cell in cells for text in tags_in(cell, limits)]
            image = absolute(name, home)
            words = found.get(image) or ManifestWords(where=f"{path}:{number}")
            _add(words, captions, tags, limits)
            found[image] = words
            words.fields = further.of(_further(row, column_of_file), words.fields)
        except Exception as error:  # any error of one row: the others are read
            noted.add(number, error)
        for fault in further.faults():
            noted.add(number, fault)
    noted.end()
    return found


def _further(row: Row, column_of_file: str) -> Row:
    """The row without the column that names its file. Others of that kind may hold a second name,
    but also a picture's bytes, as in `image` of many data sets."""
    return {
        name: cell
        for name, cell in row.items()
        if name not in FILE_COLUMNS or (name != column_of_file and isinstance(cell, str))
    }


def read_labels(path: Path, folder: Path | None = None) -> dict[str, str]:
    """The label of each image by absolute path; file names are relative to `folder`, else to
    the manifest's. Raises ManifestError, also for an image with two different labels."""
    labels: dict[str, str] = {}
    for number, name, row in named_rows(path):
        value = next(
            (row[column] for column in LABEL_COLUMNS if row.get(column) not in (None, "")), None
        )
        label = str(value).strip() if isinstance(value, str | int) else ""
        label = label.encode("utf-8", "replace").decode()
        if not label:
            raise ManifestError(
                f"{path}:{number}: no label; expected a column named {LABEL_COLUMNS[0]} "
                f"(or {', '.join(LABEL_COLUMNS[1:])})"
            )
        image = os.path.abspath((folder or path.parent) / name)
        if labels.setdefault(image, label) != label:
            raise ManifestError(f"{path}:{number}: {name} is labelled {labels[image]!r} before")
    return labels


def named_rows(path: Path) -> Iterator[tuple[int, str, Row]]:
    """Line, file name as it is written, and all columns of each row. Raises ManifestError for
    the first row that cannot be used."""
    for number, row in rows_of(path, COLUMNS):
        try:
            named, name = _named(row)
        except ManifestError as error:
            raise ManifestError(f"{path}:{number}: {error}") from None
        yield number, name, named


class Faults:
    """Bad rows of one file: raised, or noted up to a number and then counted."""

    def __init__(self, path: Place, noted: list[ManifestError] | None) -> None:
        self._path = path
        self._noted = noted
        self._count = 0

    def add(self, number: int, error: Exception) -> None:
        """Raises ManifestError if faults are not to be noted."""
        if not isinstance(error, ManifestError):
            error = ManifestError(f"cannot be used: {type(error).__name__}: {error}")
        named = ManifestError(f"{self._path}:{number}: {error}")
        if self._noted is None:
            raise named from error
        self._count += 1
        if self._count <= NAMED_FAULTS:
            self._noted.append(named)

    def end(self) -> None:
        """Note the number of further faults."""
        if self._noted is not None and self._count > NAMED_FAULTS:
            more = self._count - NAMED_FAULTS
            self._noted.append(
                ManifestError(f"{self._path}: {counted(more, 'more row')} cannot be used")
            )


def _add(words: ManifestWords, captions: list[str], tags: list[str], limits: SaidLimits) -> None:
    new_captions = words.captions | dict.fromkeys(captions) if captions else words.captions
    new_tags = words.tags | dict.fromkeys(tags) if tags else words.tags
    limits.check_count("caption", len(new_captions))
    limits.check_count("tag", len(new_tags))
    words.captions, words.tags = new_captions, new_tags


def _named(row: Row | ManifestError) -> tuple[Row, str]:
    if isinstance(row, ManifestError):
        raise row
    name = first_of(row, FILE_COLUMNS)
    if not isinstance(name, str) or not name.strip():
        COLUMNS.check([])
        raise ManifestError("no file name")
    if len(name) > LONGEST_NAME:
        raise ManifestError(f"a file name of {len(name):,} characters")
    if is_address(name) and _IN_NO_ADDRESS.search(name):
        raise ManifestError("an address with a control character")
    return row, name
