"""Records, hashes of pictures and automatic tags in several shards.

Records are in the first shard, as failures are. It gives the collection its identity and its ids,
so nothing can be written without it. A shard that is added comes last: no record has to be copied
or kept alike. Hashes and automatic tags are with their images, and move with them.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import TypeVar

from mmembed.store.shards.shard import Shard
from mmembed.store.shards.sharded_vectors import ShardedVectors
from mmembed.types import AutomaticTag

T = TypeVar("T")


class ShardedRecords(ShardedVectors):
    """See Records, ImageHashes and AutomaticTags."""

    # -- records ---------------------------------------------------------------------

    def record(self, kind: str, name: str) -> bytes | None:
        """See Records.record."""
        return self._doors[0].ask(lambda shard: shard.record(kind, name))

    def records(self, kind: str) -> dict[str, bytes]:
        """See Records.records."""
        return self._doors[0].ask(lambda shard: shard.records(kind))

    def record_kinds(self) -> list[str]:
        """See Records.record_kinds."""
        return self._doors[0].ask(lambda shard: shard.record_kinds())

    def put_records(self, kind: str, records: Mapping[str, bytes]) -> None:
        """See Records.put_records. Raises LimitError, Unstorable."""
        self._doors[0].ask(lambda shard: shard.put_records(kind, records))

    def delete_records(self, kind: str, names: Sequence[str]) -> int:
        """See Records.delete_records."""
        return self._doors[0].ask(lambda shard: shard.delete_records(kind, names))

    # -- hashes ----------------------------------------------------------------------

    def image_hashes(self, contents: Sequence[str]) -> dict[str, bytes]:
        """See ImageHashes.image_hashes."""
        return self._joined(lambda shard: shard.image_hashes(contents))

    def all_image_hashes(self, chunk: int = 10_000) -> Iterator[dict[str, bytes]]:
        """See ImageHashes.all_image_hashes."""
        portions = self._ask(lambda shard: shard.all_image_hashes(chunk))
        rows = heapq.merge(*map(_rows, portions))
        pending: dict[str, bytes] = {}
        for sha256, hashes in rows:  # two shards may have images of one content
            if len(pending) == chunk and sha256 not in pending:
                yield pending
                pending = {}
            pending[sha256] = hashes
        if pending:
            yield pending

    def add_image_hashes(self, hashes: Mapping[str, bytes]) -> None:
        """See ImageHashes.add_image_hashes."""
        self._change_all(partial(Shard.add_image_hashes, hashes=hashes))

    def contents_without_hashes(self, limit: int, after: str = "") -> list[str]:
        """See ImageHashes.contents_without_hashes."""
        parts = self._ask(lambda shard: shard.contents_without_hashes(limit, after))
        return sorted(set(chain.from_iterable(parts)))[:limit]

    # -- automatic tags --------------------------------------------------------------

    def replace_automatic_tags(self, label_set: str, tags: Iterable[tuple[int, str, float]]) -> int:
        """See AutomaticTags.replace_automatic_tags. Raises Unstorable."""
        # Each shard passes over the items of the others: an item may just be in two of them.
        given = list(tags)
        job = partial(Shard.replace_automatic_tags, label_set=label_set, tags=given)
        return sum(self._change_all(job))

    def add_automatic_tags(self, tags: Mapping[int, Sequence[AutomaticTag]]) -> None:
        """See AutomaticTags.add_automatic_tags. Raises Unstorable."""
        self._change_all(partial(Shard.add_automatic_tags, tags=tags))

    def automatic_tags_of(self, item_ids: Sequence[int]) -> dict[int, list[AutomaticTag]]:
        """See AutomaticTags.automatic_tags_of."""
        return self._joined(lambda shard: shard.automatic_tags_of(item_ids))

    def automatic_label_sets(self) -> dict[str, int]:
        """See AutomaticTags.automatic_label_sets."""
        counts: Counter[str] = Counter()
        for part in self._ask(lambda shard: shard.automatic_label_sets()):
            counts.update(part)
        return {label_set: counts[label_set] for label_set in sorted(counts)}

    def _change_all(self, job: Callable[[Shard], T]) -> list[T]:
        """Change every shard, all together. An item that moves just now is changed in both."""
        return list(self._change(dict.fromkeys(range(len(self._doors)), job)).values())


def _rows(portions: Iterator[dict[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    for portion in portions:
        yield from portion.items()
