"""Composes the search for duplicates: facts of all pictures → candidates → classes of groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from mmembed.explore.duplicates.centres import Rule
from mmembed.explore.duplicates.classes import Burst, LookAlike, SameShot
from mmembed.explore.duplicates.decisions import Decisions
from mmembed.explore.duplicates.entries import CopyEvidence, DuplicateGroup, Findings
from mmembed.explore.duplicates.hash_pairs import near_hash_pairs
from mmembed.explore.duplicates.keeping import keeper_of
from mmembed.explore.duplicates.linkage import linked
from mmembed.explore.duplicates.pairs import Pairs
from mmembed.explore.duplicates.picture_table import PictureTable
from mmembed.explore.duplicates.vector_pairs import alike_pairs
from mmembed.search.copies import bits_apart
from mmembed.types import DuplicateClass, Progress

SAME_BYTES = "the same bytes; the first in the collection"
DIGITS = 6


def find_groups(table: PictureTable, decisions: Decisions, progress: Progress) -> Findings:
    """The groups of all classes. progress: told the number of pictures that were compared."""
    groups = [*_identical(table, decisions), *_Finding(table, decisions).groups(progress)]
    items = sum(map(len, table.items))
    return Findings(tuple(groups), len(table), items, table.unhashed)


def _identical(table: PictureTable, decisions: Decisions) -> Iterator[DuplicateGroup]:
    for place, (sha256, items) in enumerate(zip(table.contents, table.items, strict=True)):
        count = len(items) - 1
        if count and sha256 not in decisions.wanted_twice:
            size = int(table.bytes[place]) * count
            yield DuplicateGroup("identical", items, SAME_BYTES, size, (None,) * count)


class _Finding:
    """Goes through the classes. Of each group, the kept picture stands for all in later ones."""

    def __init__(self, table: PictureTable, decisions: Decisions) -> None:
        self._table = table
        self._stands_for = np.arange(len(table))
        """The place of the picture that stands for each."""
        self._equal = table.equal_places()
        self._said = {
            place: decisions.by_content[sha256]
            for place, sha256 in enumerate(table.contents)
            if sha256 in decisions.by_content
        }

    def groups(self, progress: Progress) -> Iterator[DuplicateGroup]:
        """The groups of same_shot, burst and look_alike."""
        same_shot, burst = SameShot(self._table), Burst(self._table)
        look_alike = LookAlike(self._table)
        rows, hashes = self._table.alike.rows, self._table.hashes
        alike = alike_pairs(rows, self._equal, same_shot.candidate, progress)
        near = near_hash_pairs(hashes, self._equal)
        found = chain(
            map(same_shot.of_hashes, near.parts()), map(same_shot.of_likenesses, alike.parts())
        )
        pairs = Pairs.joined(list(found)).distinct()
        yield from self._linked("same_shot", pairs, same_shot)
        yield from self._linked("burst", burst.pairs(self._kept()), burst)
        of_kept = map(self._between_kept, alike.parts())
        pairs = Pairs.joined(list(map(look_alike.valued, of_kept))).distinct()
        yield from self._linked("look_alike", pairs, look_alike)

    def _kept(self) -> NDArray[np.int64]:
        return np.flatnonzero(self._stands_for == np.arange(len(self._table)))

    def _between_kept(self, pairs: Pairs) -> Pairs:
        """The pairs of pictures as pairs of those that stand for them; of other pictures with the
        value NaN."""
        some, others = self._stands_for[pairs.some], self._stands_for[pairs.others]
        same = (some == pairs.some) & (others == pairs.others)
        values = np.where(same, pairs.values, np.float32(np.nan))
        pairs = Pairs(np.minimum(some, others), np.maximum(some, others), values)
        return pairs.where(some != others).distinct()

    def _linked(self, kind: DuplicateClass, pairs: Pairs, rule: Rule) -> Iterator[DuplicateGroup]:
        found = []
        for places in linked(pairs, rule, self._said, self._equal):
            kept, reason = keeper_of(self._table, places)
            others = [place for place in places if place != kept]
            self._replace(kept, others)
            found.append(self._group(kind, kept, others, reason))
        self._stands_for = self._stands_for[self._stands_for]
        yield from sorted(found, key=lambda group: group.item_ids[0])

    def _replace(self, kept: int, others: Sequence[int]) -> None:
        """Have one picture stand for others."""
        said = self._said.get(kept, frozenset()).union(
            *(self._said.pop(place, frozenset()) for place in others)
        )
        if said:
            self._said[kept] = said
        self._stands_for[others] = kept

    def _group(
        self, kind: DuplicateClass, kept: int, others: Sequence[int], reason: str
    ) -> DuplicateGroup:
        ids = (self._table.items[kept][0], *(self._table.items[place][0] for place in others))
        size = int(self._table.bytes[others].sum())
        return DuplicateGroup(kind, ids, reason, size, tuple(self._evidence(kept, others)))

    def _evidence(self, kept: int, others: Sequence[int]) -> Iterator[CopyEvidence]:
        table = self._table
        places, its = np.array(others), np.full(len(others), kept)
        likenesses = table.alike.of_pairs(its, places)
        cosines = table.alike.cosines(likenesses, its, places)
        bits, mirrored, cropped = bits_apart(table.hashes, its, places, cosines)
        known = table.hashes.known[places] & table.hashes.known[kept]
        seconds = (table.taken[places] - table.taken[kept]) / np.timedelta64(1, "s")
        for row in range(len(others)):
            yield CopyEvidence(
                round(min(1.0, float(cosines[row])), DIGITS),
                round(min(1.0, float(likenesses[row])), DIGITS),
                int(bits[row]) if known[row] else None,
                bool(known[row] and mirrored[row]),
                bool(known[row] and cropped[row]),
                None if np.isnan(seconds[row]) else float(seconds[row]),
            )
