"""Composes the search for duplicates: facts of all pictures → candidates → classes of groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from mmembed.explore.duplicates.classes import Burst, LookAlike, SameShot
from mmembed.explore.duplicates.decisions import Decisions
from mmembed.explore.duplicates.entries import CopyEvidence, DuplicateGroup, Findings
from mmembed.explore.duplicates.hash_pairs import near_hash_pairs
from mmembed.explore.duplicates.keeping import keeper_of
from mmembed.explore.duplicates.linkage import Belong, linked
from mmembed.explore.duplicates.pairs import Pairs
from mmembed.explore.duplicates.picture_table import PictureTable
from mmembed.explore.duplicates.vector_pairs import alike_pairs
from mmembed.types import DuplicateClass, Progress

SAME_BYTES = "the same bytes; the first in the collection"
DIGITS = 6


def find_groups(table: PictureTable, decisions: Decisions, progress: Progress) -> Findings:
    """The groups of all classes. progress: told the number of pictures that were compared."""
    groups = [*_identical(table, decisions), *_Finding(table, decisions).groups(progress)]
    items = sum(map(len, table.items))
    return Findings(tuple(groups), len(table), items, table.unhashed)


def _identical(table: PictureTable, decisions: Decisions) -> Iterator[DuplicateGroup]:
    for sha256, items in zip(table.contents, table.items, strict=True):
        if len(items) > 1 and sha256 not in decisions.wanted_twice:
            yield DuplicateGroup("identical", items, SAME_BYTES, (None,) * (len(items) - 1))


class _Finding:
    """Goes through the classes. Of each group, the kept picture stands for all in later ones."""

    def __init__(self, table: PictureTable, decisions: Decisions) -> None:
        self._table = table
        self._stands_for = np.arange(len(table))
        """The place of the picture that stands for each."""
        self._said = {
            place: decisions.by_content[sha256]
            for place, sha256 in enumerate(table.contents)
            if sha256 in decisions.by_content
        }

    def groups(self, progress: Progress) -> Iterator[DuplicateGroup]:
        """The groups of same_shot, burst and look_alike."""
        same_shot, burst = SameShot(self._table), Burst(self._table)
        look_alike = LookAlike(self._table)
        alike = alike_pairs(self._table.alike.rows, same_shot.candidate, progress)
        candidates = Pairs.joined([alike, near_hash_pairs(self._table.hashes)]).distinct()
        yield from self._linked("same_shot", same_shot.valued(candidates), same_shot.belong)
        yield from self._linked("burst", burst.pairs(self._kept()), burst.belong)
        yield from self._linked(
            "look_alike", look_alike.valued(self._between_kept(alike)), look_alike.belong
        )

    def _kept(self) -> NDArray[np.int64]:
        return np.flatnonzero(self._stands_for == np.arange(len(self._table)))

    def _between_kept(self, pairs: Pairs) -> Pairs:
        """The pairs of pictures as pairs of those that stand for them."""
        some, others = self._stands_for[pairs.some], self._stands_for[pairs.others]
        pairs = Pairs(np.minimum(some, others), np.maximum(some, others), pairs.values)
        return pairs.where(some != others).distinct()

    def _linked(
        self, kind: DuplicateClass, pairs: Pairs, belong: Belong
    ) -> Iterator[DuplicateGroup]:
        found = []
        for places in linked(pairs, belong, self._said):
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
        return DuplicateGroup(kind, ids, reason, tuple(self._evidence(kept, others)))

    def _evidence(self, kept: int, others: Sequence[int]) -> Iterator[CopyEvidence]:
        table = self._table
        places, its = np.array(others), np.full(len(others), kept)
        likenesses = table.alike.of_pairs(its, places)
        cosines = table.alike.cosines(likenesses, its, places)
        bits, mirrored = table.hashes.distances(its, places)
        known = table.hashes.known[places] & table.hashes.known[kept]
        seconds = (table.taken[places] - table.taken[kept]) / np.timedelta64(1, "s")
        for row in range(len(others)):
            yield CopyEvidence(
                round(min(1.0, float(cosines[row])), DIGITS),
                round(min(1.0, float(likenesses[row])), DIGITS),
                int(bits[row]) if known[row] else None,
                bool(known[row] and mirrored[row]),
                None if np.isnan(seconds[row]) else float(seconds[row]),
            )
