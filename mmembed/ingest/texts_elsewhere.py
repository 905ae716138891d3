"""The captions, tags and fields in the texts that lie beside a picture in a tar or object store."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mmembed.errors import ManifestError
from mmembed.ingest.bounded_lines import LONGEST_ROW
from mmembed.ingest.caption_rules import SaidLimits, captions_in, tags_in
from mmembed.ingest.columns import Row
from mmembed.ingest.image_texts import add_said, said_failure
from mmembed.ingest.manifest_fields import FurtherFields
from mmembed.ingest.manifest_rows import json_row
from mmembed.ingest.manifests import CAPTION_COLUMNS, SAID_COLUMNS, TAG_COLUMNS
from mmembed.ingest.sidecars import MAX_SIDECAR_BYTES, lines_of_text
from mmembed.sources.entries import Text
from mmembed.sources.sources import Sources
from mmembed.sources.tars import is_beside
from mmembed.store.entries import Reading, Words
from mmembed.types import Failure

JSON = ".json"


def read_texts(
    image: str, before: Reading, texts: Sequence[Text], sources: Sources, limits: SaidLimits
) -> tuple[Reading, list[Failure]]:
    """The captions, tags and fields of a picture, with those of manifests, and the faults of its
    texts. Raises ImageError where a text cannot be read now: then the picture waits, too."""
    captions: dict[str, frozenset[str]] = {}
    tags: dict[str, frozenset[str]] = {}
    fields = dict(before.words.fields)
    faults: list[ManifestError] = []
    for text in texts:
        is_object = text.path.lower().endswith(JSON)
        content = sources.text(text, LONGEST_ROW if is_object else MAX_SIDECAR_BYTES)
        source = frozenset({text.path})
        try:
            if not is_object:
                lines, some = lines_of_text(text.path, content, limits)
                add_said(captions, dict.fromkeys(lines, source))
                faults += some
                continue
            said, labels, further = _of_object(text.path, content, limits, faults)
            add_said(captions, dict.fromkeys(said, source))
            add_said(tags, dict.fromkeys(labels, source))
            if further:
                fields[text.path] = further
        except ManifestError as error:
            faults.append(error)
    add_said(captions, before.words.captions)
    add_said(tags, before.words.tags)
    failures = [said_failure(image, fault) for fault in faults]
    current = before.current if faults else _or_beside(image, before.current)
    return Reading(Words(captions, tags, fields), current), failures


def _or_beside(image: str, current: Callable[[str], bool]) -> Callable[[str], bool]:
    """The texts of the picture's sample were read whole, or are gone."""
    return lambda source: is_beside(source, image) or current(source)


def _of_object(
    path: str, content: bytes, limits: SaidLimits, faults: list[ManifestError]
) -> tuple[list[str], list[str], str]:
    """Captions, tags, and further fields as JSON. Raises ManifestError."""
    if len(content) > LONGEST_ROW:
        raise ManifestError(f"{path}: over {LONGEST_ROW >> 20} MB; not taken for a caption")
    row = json_row(content)
    try:
        if isinstance(row, ManifestError):
            raise row
        said = _cells(row, CAPTION_COLUMNS, lambda cell: captions_in(cell, limits))
        labels = _cells(row, TAG_COLUMNS, lambda cell: tags_in(cell, limits))
        limits.check_count("caption", len(said))
        limits.check_count("tag", len(labels))
    except ManifestError as error:
        raise ManifestError(f"{path}: {error}") from None
    taking = FurtherFields(SAID_COLUMNS, typed=True)
    further = taking.of(row)
    faults += (ManifestError(f"{path}: {fault}") for fault in taking.faults())
    return said, labels, further


def _cells(row: Row, columns: Sequence[str], read: Callable[[object], list[str]]) -> list[str]:
    texts = [text for column in columns if row.get(column) for text in read(row[column])]
    return list(dict.fromkeys(texts))
