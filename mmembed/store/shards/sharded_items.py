"""Reading items, files and fields of all shards. While data moves to a new shard, an item may be in
two of them: the copy in the later one counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mmembed.errors import NotFound
from mmembed.filters.tree import EVERYTHING, Where
from mmembed.store.entries import FieldFacts, ImageFile, KeptOut, Known, Words
from mmembed.store.postgres.fields import SaidValues, facts_of
from mmembed.store.shards.asked_shards import AskedShards
from mmembed.store.shards.shard import Shard
from mmembed.types import Failure, Item, Kind

K = TypeVar("K")
V = TypeVar("V")


class ShardedItems(AskedShards):
    """See Items, Files and Fields."""

    def _joined(self, question: Callable[[Shard], Mapping[K, V]]) -> dict[K, V]:
        return {key: value for part in self._ask(question) for key, value in part.items()}

    def _united(self, question: Callable[[Shard], set[K]]) -> set[K]:
        return set[K]().union(*self._ask(question))

    # -- items -----------------------------------------------------------------------

    def count(self, kind: Kind | None = None, where: Where = EVERYTHING) -> int:
        """See Items.count."""
        return sum(self._ask(lambda shard: shard.count(kind, where)))

    def item_ids(self, kind: Kind, where: Where = EVERYTHING) -> NDArray[np.int64]:
        """See Items.item_ids."""
        parts = self._ask(lambda shard: shard.item_ids(kind, where))
        return np.unique(np.concatenate([*parts, np.empty(0, np.int64)]))

    def newest_item(self) -> int:
        """See Items.newest_item."""
        return max(self._ask(lambda shard: shard.newest_item()))

    def item(self, item_id: int) -> Item:
        """See Items.item. Raises NotFound."""
        for item in self.items([item_id]):
            return replace(item, captions=tuple(self.captions_of([item_id]).get(item_id, ())))
        raise NotFound(f"item {item_id}: no such item")

    def items(self, item_ids: Sequence[int], where: Where = EVERYTHING) -> list[Item]:
        """See Items.items."""
        parts = self._ask(lambda shard: shard.items(item_ids, where))
        known = {item.id: item for item in chain.from_iterable(parts)}
        return [known[item_id] for item_id in item_ids if item_id in known]

    def described(self, image_ids: Sequence[int]) -> tuple[set[int], set[int]]:
        """See Items.described."""
        parts = self._ask(lambda shard: shard.described(image_ids))
        captioned, tagged = (set[int]().union(*ids) for ids in zip(*parts, strict=True))
        return captioned, tagged

    def page(
        self, *, after: int, limit: int, kind: Kind | None, where: Where = EVERYTHING
    ) -> list[Item]:
        """See Items.page."""
        parts = self._ask(
            lambda shard: shard.page(after=after, limit=limit, kind=kind, where=where)
        )
        known = {item.id: item for item in chain.from_iterable(parts)}
        return [known[item_id] for item_id in sorted(known)[:limit]]

    def content(self, kind: Kind, sha256: str) -> Item | None:
        """See Items.content."""
        found = self._ask(lambda shard: shard.content(kind, sha256))
        return next((item for item in found if item is not None), None)

    def contents_among(self, contents: Sequence[str]) -> set[str]:
        """See Items.contents_among."""
        return self._united(lambda shard: shard.contents_among(contents))

    def images_at(self, paths: Sequence[str]) -> dict[str, ImageFile]:
        """See Items.images_at."""
        return self._joined(lambda shard: shard.images_at(paths))

    def images_of(self, sha256: str) -> list[ImageFile]:
        """See Items.images_of."""
        return _by_id(self._ask(lambda shard: shard.images_of(sha256)))

    def images_below(self, path: str) -> list[ImageFile]:
        """See Items.images_below."""
        return _by_id(self._ask(lambda shard: shard.images_below(path)))

    def captions_of(self, image_ids: Sequence[int]) -> dict[int, list[str]]:
        """See Items.captions_of."""
        return self._joined(lambda shard: shard.captions_of(image_ids))

    def caption_items_of(self, image_ids: Sequence[int]) -> dict[int, list[Item]]:
        """See Items.caption_items_of."""
        return self._joined(lambda shard: shard.caption_items_of(image_ids))

    def words_of(self, image_ids: Sequence[int]) -> dict[int, Words]:
        """See Items.words_of."""
        words = {image_id: Words() for image_id in image_ids}
        for part in self._ask(lambda shard: shard.words_of(image_ids)):
            words.update({image_id: some for image_id, some in part.items() if some})
        return words

    def described_by_files(self) -> set[int]:
        """See Items.described_by_files."""
        return self._united(lambda shard: shard.described_by_files())

    def tags(self) -> dict[str, int]:
        """See Items.tags."""
        counts: Counter[str] = Counter()
        for part in self._ask(lambda shard: shard.tags()):
            counts.update(part)
        return {tag: counts[tag] for tag in sorted(counts)}

    # -- files -----------------------------------------------------------------------

    def known_files(self) -> dict[str, Known]:
        """See Files.known_files."""
        return self._joined(lambda shard: shard.known_files())

    def known_among(self, paths: Sequence[str]) -> dict[str, Known]:
        """See Files.known_among."""
        return self._joined(lambda shard: shard.known_among(paths))

    def headers_to_read(self, version: int, *, after: int, limit: int) -> list[ImageFile]:
        """See Files.headers_to_read."""
        parts = self._ask(lambda shard: shard.headers_to_read(version, after=after, limit=limit))
        return _by_id(parts)[:limit]

    def failures(self) -> list[Failure]:
        """See Files.failures: they are in the first shard."""
        return self._doors[0].ask(lambda shard: shard.failures())

    def kept_out(self) -> dict[str, KeptOut]:
        """See Files.kept_out: they are in the first shard."""
        return self._doors[0].ask(lambda shard: shard.kept_out())

    # -- fields ----------------------------------------------------------------------

    def fields(self) -> list[FieldFacts]:
        """See Fields.fields."""
        counts = self._ask(lambda shard: shard.built_in_counts())
        said = self._ask(lambda shard: shard.said_values())
        indexed = self._united(lambda shard: shard.indexed_fields())
        together = [sum(numbers) for numbers in zip(*counts, strict=True)]
        return facts_of(together, _merged(list(chain.from_iterable(said))), indexed)


def _by_id(parts: Sequence[Sequence[ImageFile]]) -> list[ImageFile]:
    known = {image.item_id: image for part in parts for image in part}
    return [known[item_id] for item_id in sorted(known)]


def _merged(said: Sequence[SaidValues]) -> list[SaidValues]:
    """The values of a field and a type of all shards as one, in the order of `said_values`."""
    known: dict[tuple[str, str], SaidValues] = {}
    for one in said:
        other = known.get((one.name, one.type), one)
        numbers = [n for n in (one.least, one.most, other.least, other.most) if n is not None]
        known[one.name, one.type] = SaidValues(
            one.name,
            one.type,
            one.items if other is one else one.items + other.items,
            min(numbers, default=None),
            max(numbers, default=None),
            min(one.first, other.first),
            max(one.last, other.last),
        )
    return sorted(known.values(), key=lambda values: (values.name, -values.items))
