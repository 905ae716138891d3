"""The duplicates of a collection, and what a person said about them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mmembed.cancellation import current_caller
from mmembed.collection.folder_model import Binding
from mmembed.collection.kept_findings import KeptFindings
from mmembed.collection.move_duplicates import MovedDuplicates, MovingDuplicates
from mmembed.errors import QueryError
from mmembed.explore.duplicates.decisions import KIND as DECISIONS
from mmembed.explore.duplicates.decisions import Lists, decide, read_decisions
from mmembed.explore.duplicates.entries import (
    COPIES,
    DescribedDuplicates,
    DuplicateGroup,
    Findings,
    SparePicture,
    Stages,
)
from mmembed.explore.duplicates.find_groups import find_groups
from mmembed.explore.duplicates.move_log import KIND as MOVES
from mmembed.explore.duplicates.move_log import folders_of_moves, is_below
from mmembed.explore.duplicates.picture_table import read_pictures
from mmembed.explore.picture_vectors import mark_of_pictures
from mmembed.filters.tree import EVERYTHING, Where
from mmembed.ingest import Hashed, Pipeline
from mmembed.store.protocol import Store
from mmembed.types import DUPLICATE_CLASSES, DuplicateClass, Item, Progress

READING, COMPARING, MOVING = "reading facts", "comparing", "moving"
ITEMS_AT_ONCE = 5_000
_CURSOR = re.compile(r"([0-3])-([0-9]{1,18})", re.ASCII)


def quietly(stage: str) -> Progress:
    """The progress of stages that nobody watches; ends the work of a caller who has left."""
    caller = current_caller()
    return lambda done, total, failed: caller.check()


@dataclass(frozen=True)
class DuplicatePage:
    """A page of groups."""

    groups: list[DescribedDuplicates]
    next_cursor: str | None
    counts: Mapping[DuplicateClass, int]
    """Groups of each class on all pages."""
    found: Findings


class Duplicates:
    """The part of a Collection that knows its duplicates."""

    store: Store
    binding: Binding
    _pipeline: Pipeline

    def duplicates(self, where: Where = EVERYTHING, *, stages: Stages = quietly) -> Findings:
        """The duplicates among the images that pass a filter, see `explore.duplicates`. Pictures
        that were moved as duplicates are not among them. stages: shows the progress."""
        moved = folders_of_moves(self.store)
        with self.binding.unchanged():
            table = read_pictures(
                self.store, where, lambda item: is_below(item.path, moved), stages(READING)
            )
            return find_groups(table, read_decisions(self.store), stages(COMPARING))

    def described_duplicates(
        self, groups: Sequence[DuplicateGroup], most_others: int | None = None
    ) -> list[DescribedDuplicates]:
        """The groups with the facts of their pictures. A group is left out whose kept picture, or
        all others, left the collection meanwhile. most_others: that are described of a group."""
        shown = None if most_others is None else 1 + most_others
        ids = list({item_id for group in groups for item_id in group.item_ids[:shown]})
        known: dict[int, Item] = {}
        for start in range(0, len(ids), ITEMS_AT_ONCE):
            some = self.store.items(ids[start : start + ITEMS_AT_ONCE])
            known |= {item.id: item for item in some}
        described = (_described(group, known) for group in groups)
        return [one for one in described if one is not None]

    def page_of_duplicates(
        self,
        where: Where,
        classes: Sequence[DuplicateClass],
        *,
        limit: int,
        cursor: str | None,
        most_others: int | None = None,
        stages: Stages | None = None,
    ) -> DuplicatePage:
        """Up to `limit` groups of some classes after a page's cursor, with up to `most_others` of
        each. The groups are kept until the collection changes. stages: shows the progress. Raises
        QueryError, Overloaded."""
        after = _place_of(cursor)
        found = self._kept_findings.get(
            where,
            lambda: self._mark_of_duplicates(where),
            lambda: self.duplicates(where, stages=stages or quietly),
            older=cursor is not None,
        )
        groups = [group for group in found.groups if group.kind in classes]
        following = [group for group in groups if _place(group) > after]
        page = following[:limit]
        return DuplicatePage(
            self.described_duplicates(page, most_others),
            "{}-{}".format(*_place(page[-1])) if len(following) > limit else None,
            Counter(group.kind for group in groups),
            found,
        )

    @cached_property
    def _kept_findings(self) -> KeptFindings:
        return KeptFindings()

    def _mark_of_duplicates(self, where: Where) -> Hashable:
        """Differs once pictures came or went, or something was said about them."""
        said = tuple(tuple(self.store.records(kind)) for kind in (DECISIONS, MOVES))
        return mark_of_pictures(self.store, where), said

    def hash_pictures(self, progress: Progress) -> Hashed:
        """Compute the perceptual hashes of pictures that an earlier version indexed. Raises
        StoreError."""
        return self._pipeline.backfill_hashes(progress)

    def move_duplicates(
        self,
        folder: Path,
        *,
        where: Where = EVERYTHING,
        classes: Sequence[DuplicateClass] = COPIES,
        stages: Stages = quietly,
        dry_run: bool = False,
    ) -> MovedDuplicates:
        """Move all but the kept picture of each group of some classes into a folder, with a log
        that `undo_moves` reads; the pictures stay in the collection. Each is kept where it is if
        its file is not the indexed one. dry_run: only count them. Raises InputError, StoreBusy."""
        moving = MovingDuplicates(self.store)
        moving.check_folder(folder)
        if not dry_run:
            moving.settle()
        found = self.duplicates(where, stages=stages)
        groups = self.described_duplicates([one for one in found.groups if one.kind in classes])
        return moving.move(groups, folder, stages(MOVING), dry_run=dry_run)

    def undo_moves(self, log: Path, progress: Progress) -> MovedDuplicates:
        """Move the pictures of a log back to where they were. Raises InputError, StoreBusy."""
        return MovingDuplicates(self.store).undo(log, progress)

    def say_not_duplicates(self, item_ids: Sequence[int]) -> None:
        """Remember that each two of these pictures are no duplicates, nor are later copies of them.
        Raises QueryError, LimitError, NotFound."""
        self.decide_on_duplicates(not_duplicates=[item_ids])

    def forget_not_duplicates(self, item_ids: Sequence[int]) -> int:
        """Forget what was said of two or more of these pictures; returns the number of decisions.
        Raises QueryError, LimitError, NotFound."""
        return self.decide_on_duplicates(forget=[item_ids])

    def decide_on_duplicates(self, *, not_duplicates: Lists = (), forget: Lists = ()) -> int:
        """Forget what was said of some lists of pictures, then remember it of others; of all lists
        or of none. Returns the number of forgotten decisions. Raises QueryError, LimitError,
        NotFound."""
        return decide(self.store, not_duplicates=not_duplicates, forget=forget)


def _place(group: DuplicateGroup) -> tuple[int, int]:
    return DUPLICATE_CLASSES.index(group.kind), group.item_ids[0]


def _place_of(cursor: str | None) -> tuple[int, int]:
    """The place after which a page begins. Raises QueryError."""
    if cursor is None:
        return -1, 0
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise QueryError("cursor: not a next_cursor of an earlier answer", param="cursor")
    return int(match[1]), int(match[2])


def _described(group: DuplicateGroup, known: dict[int, Item]) -> DescribedDuplicates | None:
    first, *rest = group.item_ids
    others = tuple(
        SparePicture(known[item_id], evidence)
        for item_id, evidence in zip(rest, group.evidence, strict=True)
        if item_id in known
    )
    if first not in known or not others:
        return None
    return DescribedDuplicates(
        group.kind, known[first], others, len(rest), group.reason, group.spare_bytes
    )
