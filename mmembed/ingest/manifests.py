"""What is said of images: `name.txt` beside them, and JSONL, CSV, TSV or Parquet manifests.

Owns pyarrow, which only Parquet needs.
"""

from __future__ import annotations

import csv
import json
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmembed.errors import ManifestError

FILE_COLUMNS = ("file_name", "filename", "file", "image", "path", "filepath", "file_path")
CAPTION_COLUMNS = ("captions", "caption", "text")
TAG_COLUMNS = ("tags", "keywords")
LABEL_COLUMNS = ("label", "class", "class_name", "category")
MAX_SIDECAR_BYTES = 64 * 1024

Row = Mapping[str, Any]


@dataclass
class Words:
    """Captions and tags of one image, each once, in the order they were met."""

    captions: dict[str, None] = field(default_factory=dict)
    tags: dict[str, None] = field(default_factory=dict)
    where: str = ""
    """The manifest and line that first named the image."""


def read_manifest(path: Path, folder: Path | None = None) -> dict[str, Words]:
    """Words by absolute image path; rows that name the same file add up.

    Relative file names are relative to `folder`, else to the manifest's. Raises ManifestError, with
    the file and line, where the manifest cannot be read.
    """
    found: dict[str, Words] = {}
    for number, name, row in named_rows(path):
        words = found.setdefault(
            os.path.abspath((folder or path.parent) / name), Words(where=f"{path}:{number}")
        )
        for column in CAPTION_COLUMNS:
            words.captions.update(dict.fromkeys(_texts(row.get(column))))
        for column in TAG_COLUMNS:
            words.tags.update(dict.fromkeys(_tags(row.get(column))))
    return found


def read_labels(path: Path, folder: Path | None = None) -> dict[str, str]:
    """The label of each image by absolute path; file names are relative to `folder`, else to
    the manifest's. Raises ManifestError, also for an image with two different labels."""
    found: dict[str, str] = {}
    for number, name, row in named_rows(path):
        value = next((row[one] for one in LABEL_COLUMNS if row.get(one) not in (None, "")), None)
        label = _clean(str(value)) if isinstance(value, str | int) else ""
        if not label:
            raise ManifestError(
                f"{path}:{number}: no label; expected a column named {LABEL_COLUMNS[0]} "
                f"(or {', '.join(LABEL_COLUMNS[1:])})"
            )
        image = os.path.abspath((folder or path.parent) / name)
        if found.setdefault(image, label) != label:
            raise ManifestError(f"{path}:{number}: {name} is labelled {found[image]!r} before")
    return found


def named_rows(path: Path) -> Iterator[tuple[int, str, Row]]:
    """Line, file name as it is written, and all columns of each row. Raises ManifestError."""
    for number, row in _rows(path):
        name = _first(row, FILE_COLUMNS)
        if not isinstance(name, str) or not name.strip():
            raise ManifestError(
                f"{path}:{number}: no file name; expected a column named {FILE_COLUMNS[0]} "
                f"(or {', '.join(FILE_COLUMNS[1:])})"
            )
        yield number, name, row


def read_sidecar(image_path: str) -> tuple[str, ...]:
    """The captions in `name.txt` beside an image: its lines that are not blank.

    Empty where there is no such file. Raises ManifestError where it cannot be read.
    """
    path = Path(os.path.splitext(image_path)[0] + ".txt")
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return ()  # opening a pipe would wait for a writer for ever
        if status.st_size > MAX_SIDECAR_BYTES:
            raise ManifestError(f"{path}: over {MAX_SIDECAR_BYTES} bytes; not taken for a caption")
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"{path}: cannot be read as UTF-8 text: {error}") from error
    return tuple(dict.fromkeys(clean for line in lines if (clean := line.strip())))


def _rows(path: Path) -> Iterator[tuple[int, Row]]:
    readers = {
        ".jsonl": _json_rows,
        ".ndjson": _json_rows,
        ".csv": _csv_rows,
        ".tsv": _csv_rows,
        ".parquet": _parquet_rows,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise ManifestError(f"{path}: expected one of {', '.join(readers)}")
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ManifestError(f"{path}: not a regular file")
        yield from reader(path)
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"{path}: cannot be read: {error}") from error


def _json_rows(path: Path) -> Iterator[tuple[int, Row]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
            except (ValueError, RecursionError) as error:
                raise ManifestError(f"{path}:{number}: not JSON: {error}") from error
            if not isinstance(row, dict):
                raise ManifestError(f"{path}:{number}: expected a JSON object")
            yield number, row


def _csv_rows(path: Path) -> Iterator[tuple[int, Row]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
        try:
            for row in reader:
                yield reader.line_num, row
        except csv.Error as error:
            raise ManifestError(f"{path}:{reader.line_num + 1}: not CSV: {error}") from error


def _parquet_rows(path: Path) -> Iterator[tuple[int, Row]]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        raise ManifestError(
            f"{path}: reading Parquet needs pyarrow: pip install 'mmembed[parquet]'"
        ) from None
    try:
        file = parquet.ParquetFile(path)
        wanted = set(FILE_COLUMNS + CAPTION_COLUMNS + TAG_COLUMNS + LABEL_COLUMNS)
        columns = [name for name in file.schema_arrow.names if name in wanted]
        number = 0
        for batch in file.iter_batches(columns=columns):
            for row in batch.to_pylist():
                number += 1
                yield number, row
    except ArrowException as error:
        raise ManifestError(f"{path}: not a Parquet file that can be read: {error}") from error


def _first(row: Row, columns: Sequence[str]) -> Any:
    return next((row[column] for column in columns if row.get(column)), None)


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        if value.lstrip().startswith("["):
            listed = _json_list(value)
            if listed is not None:
                return _texts(listed)
        value = [value]
    if isinstance(value, list):
        return [_clean(text) for text in value if isinstance(text, str) and text.strip()]
    return []


def _clean(text: str) -> str:
    # JSON can spell halves of characters, which are no text and cannot be stored.
    return text.strip().encode("utf-8", "replace").decode()


def _tags(value: Any) -> Iterable[str]:
    if isinstance(value, str) and not value.lstrip().startswith("["):
        return [_clean(tag) for tag in re.split("[,;|]", value) if tag.strip()]
    return _texts(value)


def _json_list(text: str) -> list[Any] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, list) else None
