"""The protocols for facts that models and people add: records, picture hashes, automatic tags.

The rules of `store.protocol` hold here, too.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from mmembed.errors import LimitError, Unstorable
from mmembed.types import AutomaticTag

LARGEST_RECORD = 32 * 2**20
"""Bytes of a record. An export writes it as a line of text, which importers read up to 64 MB."""
JOBS, JOB_RESULTS, JOB_CANCELLATIONS = "job", "job result", "job cancellation"
"""Kinds of records about the work of servers; see collection.jobs."""
NEVER_EXPORTED = frozenset({JOBS, JOB_RESULTS, JOB_CANCELLATIONS})
"""Kinds of records that make no sense in another store."""
AutomaticRow: TypeAlias = tuple[int, str, str, float]
"""Item id, tag, label set and score."""


class Records(Protocol):
    """Small documents of a collection that are no items: label sets, decisions, a map."""

    def record(self, kind: str, name: str) -> bytes | None:
        """The content of a record; None if there is none."""

    def records(self, kind: str) -> dict[str, bytes]:
        """All records of a kind, by rising name."""

    def record_kinds(self) -> list[str]:
        """The kinds that have a record, rising."""

    def put_records(self, kind: str, records: Mapping[str, bytes]) -> None:
        """Add records, or replace those with their names, in one transaction. Raises LimitError for
        a record over LARGEST_RECORD, Unstorable."""

    def delete_records(self, kind: str, names: Sequence[str]) -> int:
        """Delete records; returns how many were there."""


class ImageHashes(Protocol):
    """Perceptual hashes of pictures by their contents, of any layout that the caller defines.
    They live as long as an image has the content."""

    def image_hashes(self, contents: Sequence[str]) -> dict[str, bytes]:
        """The hashes of contents, by sha256; contents without any are left out."""

    def all_image_hashes(self, chunk: int = 10_000) -> Iterator[dict[str, bytes]]:
        """All hashes by rising sha256, `chunk` at a time."""

    def add_image_hashes(self, hashes: Mapping[str, bytes]) -> None:
        """Write the hashes of contents, in place of earlier ones; contents without an image are
        skipped."""

    def contents_without_hashes(self, limit: int, after: str = "") -> list[str]:
        """Up to `limit` contents of images above `after` that have no hashes, by rising sha256."""


class AutomaticTags(Protocol):
    """Tags that a label set gave, beside those that a person or a file said. Filters, counts and
    words treat both alike.

    A tag that both said stays when the label set takes it back. `Items.words_of` tells what people
    and files said, and `Item.automatic_tags` the tags that label sets alone gave. An image whose
    content changes loses its automatic tags. `ItemWriter.update` takes away the automatic tags
    that it does not list.
    """

    def replace_automatic_tags(self, label_set: str, tags: Iterable[tuple[int, str, float]]) -> int:
        """Make these all the tags of a label set, in one transaction: item id, tag, score. Returns
        how many it then has. Of very many items, searches by words may follow in later
        transactions, the last of them before this returns.

        Items that are gone are skipped. Of a tag that is given twice, the last score counts. A tag
        of a time when sources were not noted stays as it is. Raises Unstorable for a score that is
        not finite.
        """

    def add_automatic_tags(self, tags: Mapping[int, Sequence[AutomaticTag]]) -> None:
        """Add automatic tags of any label sets, by item id, in one transaction; others stay. As in
        `replace_automatic_tags`."""

    def automatic_tags_of(self, item_ids: Sequence[int]) -> dict[int, list[AutomaticTag]]:
        """The automatic tags of items by falling score, then by tag and label set; items without
        any are left out."""

    def automatic_label_sets(self) -> dict[str, int]:
        """The label sets that gave tags, rising, with the number of their tags."""


def check_records(kind: str, records: Mapping[str, bytes]) -> None:
    """Raises LimitError for a record that is too large."""
    for name, content in records.items():
        if len(content) > LARGEST_RECORD:
            raise LimitError(
                f"{kind} {name!r:.80}: {len(content):,} bytes, limit {LARGEST_RECORD:,} of a record"
            )


def rows_of_label_set(
    label_set: str, tags: Iterable[tuple[int, str, float]]
) -> Iterator[AutomaticRow]:
    """Tags of one label set, by item id and with scores, as rows. Raises Unstorable for a score
    that is not finite."""
    return ((item_id, tag, label_set, _finite(score, tag)) for item_id, tag, score in tags)


def rows_of_items(tags: Mapping[int, Sequence[AutomaticTag]]) -> Iterator[AutomaticRow]:
    """Tags of several items as rows. Raises Unstorable for a score that is not finite."""
    for item_id, some in tags.items():
        for one in some:
            yield item_id, one.tag, one.label_set, _finite(one.score, one.tag)


def read_automatic_tags(text: str | None) -> tuple[AutomaticTag, ...]:
    """The automatic tags of an item in the order of `Item.automatic_tags`. text: JSON, a list of
    [tag, score, label set]; odd entries are left out."""
    if not text or text == "[]":
        return ()
    rows = [row for row in json.loads(text) if _is_whole(row)]
    tags = [AutomaticTag(tag, float(score), label_set) for tag, score, label_set in rows]
    return tuple(sorted(tags, key=lambda one: (-one.score, one.tag, one.label_set)))


def _is_whole(row: list[Any]) -> bool:
    tag, score, label_set = row
    return isinstance(tag, str) and isinstance(score, int | float) and isinstance(label_set, str)


def _finite(score: float, tag: str) -> float:
    if not math.isfinite(score):
        raise Unstorable(f"tag {tag!r:.80}: its score {score} is not finite")
    return float(score)
