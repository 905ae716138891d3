"""Tags pictures by labels, takes such tags back, and finds tags that look wrong."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np

from mmembed.cancellation import current_caller
from mmembed.classify.label_scorer import LabelScorer
from mmembed.classify.label_sets import check_name, name_from
from mmembed.classify.zero_shot import notes_on_case
from mmembed.collection.classifying import Classifying, question_of
from mmembed.collection.tag_rejections import TagRejections
from mmembed.errors import NotFound, Overloaded, QueryError
from mmembed.explore.tagging.check_tags import CheckedTags, check_tags
from mmembed.explore.tagging.sure_labels import SureLabels
from mmembed.explore.tagging.tag_pictures import (
    ScoredItems,
    TagRules,
    Verdicts,
    judged_images,
    score_items,
    tags_from,
    threshold_of,
)
from mmembed.explore.tagging.thresholds import LabelThreshold
from mmembed.filters.tree import EVERYTHING, Where
from mmembed.types import Item, Progress

WAIT_S = 10.0
SHOWN = 3
"""Pictures of a label that are named."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class TagWishes:
    """The labels, the pictures that may get them, and how sure they must be."""

    labels: tuple[str, ...] = ()
    """Words; none: those of the stored label set."""
    label_set: str = ""
    """The name under which the tags are kept, and of a stored label set if there are no labels."""
    where: Where = EVERYTHING
    threshold: float | None = None
    precision: float | None = None
    """One of both at most; 0.9 is aimed at where neither is given."""
    compete: bool | None = None
    """Whether exactly one label applies to a picture; None: as the label set says."""
    dry_run: bool = False

    def __post_init__(self) -> None:
        """Raises QueryError for wishes that make no sense."""
        if self.threshold is not None and self.precision is not None:
            raise QueryError("threshold and precision: give one of them")
        for name in ("threshold", "precision"):
            value = getattr(self, name)
            if value is not None and not 0 < value < 1:
                raise QueryError(f"{name} {value:g}: expected a number between 0 and 1", param=name)
        if not self.label_set:
            raise QueryError("give labels, or the name of a label set", param="label_set")
        check_name(self.label_set)


@dataclass(frozen=True)
class TaggedLabel:
    """The tags of one label."""

    label: str
    pictures: int
    threshold: LabelThreshold
    first: tuple[Item, ...]
    """The pictures of which it is surest."""


@dataclass(frozen=True)
class Tagged:
    """The result of tagging."""

    label_set: str
    looked_at: int
    """Pictures that passed the filter."""
    pictures: int
    """Pictures with a tag."""
    tags: int
    before: int
    """Tags that the label set had before."""
    labels: tuple[TaggedLabel, ...]
    competing: bool
    written: bool
    seconds: float = 0.0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class RejectedTags:
    """Automatic tags that a person took off."""

    total: int
    first: tuple[tuple[Item, str], ...]
    """Pictures and tags, by rising id, then by tag."""


class Tagging(Classifying):
    """The part of a Collection that tags pictures."""

    _rejections: TagRejections
    _tagging: threading.Lock

    def tag(self, wishes: TagWishes, progress: Progress) -> Tagged:
        """Give pictures the labels of which the model is sure enough as automatic tags. They
        replace all tags that the label set gave before; tags of people and files stay.

        progress: called with the pictures that were looked at. Raises QueryError for labels or
        wishes that make no sense, NotFound for an unknown label set, LimitError, ModelError,
        Abandoned, StoreBusy, and Overloaded beside another tagging."""
        with self._turn():
            return self._tagged(wishes, progress)

    def _tagged(self, wishes: TagWishes, progress: Progress) -> Tagged:
        started = time.monotonic()
        with self.binding.unchanged():
            scorer, thresholds, notes = self._scorer(wishes)
            rules, said = _rules_of(wishes, thresholds), self._said(scorer.labels, wishes)
            sure, least = SureLabels(scorer), rules.least(len(said))
            found = score_items(self.store, sure, least, wishes.where, progress)
        # Read late: tags that a person took off while the pictures were scored count, too.
        verdicts = Verdicts(said, self._rejections.by_tag(scorer.labels))
        own = list(zip(scorer.labels, found.by_label(len(scorer.labels)), strict=True))
        limits = [threshold_of(label, some, rules, verdicts) for label, some in own]
        tags = [
            tags_from(some, limit, verdicts.rejected.get(label, ()))
            for (label, some), limit in zip(own, limits, strict=True)
        ]
        before = self.store.automatic_label_sets().get(wishes.label_set, 0)
        if not wishes.dry_run:
            self.store.replace_automatic_tags(wishes.label_set, _rows(scorer.labels, tags))
        return Tagged(
            label_set=wishes.label_set,
            looked_at=self.store.count("image", wishes.where),
            pictures=len(np.unique(np.concatenate([some.item_ids for some in tags]))),
            tags=sum(len(some.item_ids) for some in tags),
            before=before,
            labels=self._summaries(scorer.labels, limits, tags),
            competing=scorer.mode == "softmax",
            written=not wishes.dry_run,
            seconds=time.monotonic() - started,
            notes=(*notes, *notes_on_case(scorer.labels)),
        )

    def _said(self, labels: Sequence[str], wishes: TagWishes) -> Mapping[int, set[str]]:
        """Images with the labels that people and files gave them, by which thresholds are learned;
        none where the threshold is given."""
        return {} if wishes.threshold else judged_images(self.store, labels, wishes.where)

    def rejected_tags(self, most: int) -> RejectedTags:
        """The automatic tags that a person took off; label sets do not give them again."""
        images = self._rejections.by_image()
        pairs = [(key, tag) for key in sorted(images) for tag in sorted(images[key])]
        items = {item.id: item for item in self.store.items([key for key, _ in pairs[:most]])}
        first = tuple((items[key], tag) for key, tag in pairs[:most] if key in items)
        return RejectedTags(len(pairs), first)

    def allow_tags(self, tags: Sequence[str] = ()) -> int:
        """Forget that a person took these tags off, or any: the next run may give them again.
        Returns how many. Raises StoreBusy."""
        return self._rejections.allow(tags)

    def _summaries(
        self,
        labels: Sequence[str],
        limits: Sequence[LabelThreshold],
        tags: Sequence[ScoredItems],
    ) -> tuple[TaggedLabel, ...]:
        """Of each label its first pictures, and how many there are."""
        first = [some.item_ids[:SHOWN].tolist() for some in tags]
        items = {item.id: item for item in self.store.items(sorted({*chain(*first)}))}
        return tuple(
            TaggedLabel(
                label,
                len(some.item_ids),
                limit,
                tuple(items[item_id] for item_id in ids if item_id in items),
            )
            for label, limit, some, ids in zip(labels, limits, tags, first, strict=True)
        )

    def _scorer(self, wishes: TagWishes) -> tuple[LabelScorer, Mapping[str, float], Sequence[str]]:
        """The labels, the thresholds that the set gives some of them, and notes on its examples."""
        asked = (
            self._labels_of(self.embedder, wishes.label_set, wishes.labels, {}, ())
            if wishes.labels
            else self.label_set(wishes.label_set)
        )
        _check_tags([one.label for one in asked.labels])
        known = self._label_examples.embedded(asked, self.embedder)
        question = replace(
            question_of(asked, known), templates=asked.templates, mode=asked.mode or "multi"
        )
        competing = wishes.compete
        if competing is None:
            competing = asked.mode == "softmax" or (asked.mode is None and bool(known.pictures))
        if competing:
            question = replace(question, mode="softmax", none_of_these=self._has_bank())
        elif question.mode == "softmax":
            question = replace(question, mode="multi")
        scorer = self._classifiers[self.embedder].scorers.of(question, "pictures")
        return scorer, question.thresholds, known.notes

    def _has_bank(self) -> bool:
        """Whether pictures may show none of the labels: other texts then compete with them."""
        return self._bank_texts(self.embedder) is not None

    def automatic_label_sets(self) -> dict[str, int]:
        """The label sets that gave tags, by name, with the number of their tags."""
        return self.store.automatic_label_sets()

    def untag(self, label_set: str) -> int:
        """Take back all tags of a label set; returns how many. Raises NotFound, with the known
        ones."""
        known = self.store.automatic_label_sets()
        if label_set not in known:
            some = ", ".join(list(known)[:10]) or "none"
            raise NotFound(f"label set {label_set!r:.80}: gave no tags here; others are: {some}")
        self.store.replace_automatic_tags(label_set, [])
        return known[label_set]

    def check_tags(self, tags: Sequence[str] = (), where: Where = EVERYTHING) -> CheckedTags:
        """Find tags of people and files that look wrong: those of `tags`, else of the most frequent
        ones. Raises QueryError for a tag with too few pictures, and Overloaded beside a tagging."""
        with self._turn(), self.binding.unchanged():
            return check_tags(self.store, tags, where)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One caller at a time: the work takes all cores, and memory for many pictures."""
        if not current_caller().take(self._tagging):
            raise Overloaded("pictures are being tagged already; try again later", WAIT_S)
        try:
            yield
        finally:
            self._tagging.release()


def set_named_after(file: Path) -> str:
    """The name of the label set of a file with labels; empty if its name has nothing to take."""
    return name_from(file.stem)


def _rules_of(wishes: TagWishes, own: Mapping[str, float]) -> TagRules:
    if wishes.threshold is not None:
        return TagRules(threshold=wishes.threshold)
    if wishes.precision is not None:
        return TagRules(precision=wishes.precision)
    return TagRules(own=own)


def _check_tags(labels: Sequence[str]) -> None:
    """Raises QueryError for a label that cannot be a tag."""
    for label in labels:
        if _CONTROL.search(label):
            raise QueryError(f"label {label!r:.80}: holds a control character, as no tag may")


def _rows(labels: Sequence[str], tags: Sequence[ScoredItems]) -> Iterator[tuple[int, str, float]]:
    for label, some in zip(labels, tags, strict=True):
        for item_id, score in zip(some.item_ids.tolist(), some.scores.tolist(), strict=True):
            yield item_id, label, score
