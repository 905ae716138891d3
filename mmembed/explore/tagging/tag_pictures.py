"""All pictures of a collection × labels → automatic tags.

The vectors come in portions, so memory does not grow with the pictures, but for the pairs of
picture and label that are sure enough: at most MOST of each picture.
"""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from mmembed.cancellation import current_caller
from mmembed.explore.tagging.sure_labels import SureLabels, SurePairs, best_of_each
from mmembed.explore.tagging.thresholds import (
    FEWEST,
    LabelThreshold,
    assumed_threshold,
    given_threshold,
    learned_threshold,
)
from mmembed.filters.tree import Test, Where, all_of
from mmembed.search.ordering import unit_rows
from mmembed.store.protocol import Store
from mmembed.types import Progress

PORTION = 10_000
"""Pictures whose scores are in memory: of a thousand labels, 40 MB."""
MOST = 20
"""Labels of one picture that may become tags."""
LEAST, LEAST_LEARNED = 0.25, 0.01
"""Scores below it are never looked at where a precision is asked for. Where thresholds are learned
from examples, scores need mean nothing, and lower ones are looked at."""
THREADS = min(4, os.cpu_count() or 1)
"""Portions that are compared at a time: BLAS has threads of its own, the rest has none."""
PAGE = 1_000
NAMES_AT_ONCE = 100
MOST_JUDGED = 20_000
"""Pictures from which thresholds are learned."""
MOST_READ = 100_000
"""Pictures among which these are looked for."""

_Portion: TypeAlias = tuple[list[int], NDArray[np.float16]]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Verdicts:
    """Labels that people and files gave pictures, or took off."""

    said: Mapping[int, set[str]] = field(default_factory=dict)
    """Images with the labels that they have as tags."""
    rejected: Mapping[str, set[int]] = field(default_factory=dict)
    """Labels with the images that a person took them off."""

    def known(self, label: str, item_ids: Sequence[int]) -> NDArray[np.bool_]:
        """Which of these images are known to have a label, or to lack it."""
        lacking = self.rejected.get(label, set())
        return np.array([one in self.said or one in lacking for one in item_ids], bool)

    def right(self, label: str, item_ids: Sequence[int]) -> NDArray[np.bool_]:
        """Which of these images are known to have a label."""
        return np.array([label in self.said.get(one, ()) for one in item_ids], bool)


@dataclass(frozen=True)
class TagRules:
    """Which labels become tags."""

    threshold: float | None = None
    """The lowest score of a tag; None: as the precision asks."""
    precision: float = 0.9
    """The share of right tags that each label aims at."""
    own: Mapping[str, float] = field(default_factory=dict)
    """Thresholds of single labels, which count before the others."""

    def least(self, judged: int) -> float:
        """The lowest score that may be needed. judged: images that have some of the labels."""
        usual = self.threshold
        if usual is None:
            usual = LEAST_LEARNED if judged >= FEWEST else LEAST
        return min([usual, *self.own.values()])


@dataclass(frozen=True, eq=False)
class ScoredItems:
    """Pictures with labels that are sure enough."""

    item_ids: NDArray[np.int64]
    labels: NDArray[np.int64]
    scores: NDArray[np.float32]
    """Each (k,)."""

    def by_label(self, count: int) -> list[ScoredItems]:
        """Those of each of so many labels, by falling score, ties by rising id."""
        order = np.lexsort((self.item_ids, -self.scores, self.labels))
        ends = np.searchsorted(self.labels[order], np.arange(1, count))
        return [
            ScoredItems(self.item_ids[some], self.labels[some], self.scores[some])
            for some in np.split(order, ends)
        ]


def score_items(
    store: Store, labels: SureLabels, least: float, where: Where, progress: Progress
) -> ScoredItems:
    """The images that pass and have a label with a score of at least `least`, with these labels.
    Raises Abandoned if the caller leaves."""
    total, done = store.count("image"), 0
    parts: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]] = []

    def compared(portion: _Portion) -> tuple[Sequence[int], SurePairs]:
        vector_ids, stored = portion
        return vector_ids, best_of_each(labels.pairs(unit_rows(stored), least), MOST)

    for vector_ids, pairs in _side_by_side(compared, store.all_embeddings("image", PORTION)):
        current_caller().check()
        parts.append(_of_items(store, pairs, vector_ids, where))
        done += len(vector_ids)
        progress(min(done, total), total, 0)
    progress(total, total, 0)
    if not parts:
        return ScoredItems(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))
    item_ids, places, scores = (np.concatenate(column) for column in zip(*parts, strict=True))
    return ScoredItems(item_ids, places, scores)


def _side_by_side(
    work: Callable[[_Portion], Result], portions: Iterator[_Portion]
) -> Iterator[Result]:
    """The results of all portions, in their order; a few are computed at a time."""
    with ThreadPoolExecutor(THREADS, "mmembed-tags") as threads:
        pending: deque[Future[Result]] = deque()
        for portion in portions:
            pending.append(threads.submit(work, portion))
            if len(pending) > THREADS:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def _of_items(
    store: Store, pairs: SurePairs, vector_ids: Sequence[int], where: Where
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Pairs of vectors → pairs of the images that have them."""
    rows, places = np.unique(pairs.rows, return_inverse=True)
    ids = [vector_ids[row] for row in rows.tolist()]
    owners = store.images_of_vectors(ids, "image", where)
    of_rows = [owners.get(one, []) for one in ids]
    counts = np.array([len(some) for some in of_rows], np.int64)
    flat = np.array([item_id for some in of_rows for item_id in some], np.int64)
    repeats = counts[places]
    begins = (np.cumsum(counts) - counts)[places]
    within = np.arange(repeats.sum()) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    return (
        flat[np.repeat(begins, repeats) + within],
        np.repeat(pairs.labels, repeats),
        np.repeat(pairs.scores, repeats),
    )


def judged_images(store: Store, labels: Sequence[str], where: Where) -> dict[int, set[str]]:
    """Images that people or files tagged with some of the labels: of each, those labels. Of a large
    collection some of them, and as many for the last labels as for the first."""
    known = store.tags()
    names = [label for label in labels if label in known]
    parts = [names[start : start + NAMES_AT_ONCE] for start in range(0, len(names), NAMES_AT_ONCE)]
    judged: dict[int, set[str]] = {}
    for part in parts:
        read, begun = 0, len(judged)
        for ids in _pages(store, all_of(Test("tag", "in", tuple(part)), where)):
            current_caller().check()
            words = store.words_of([item_id for item_id in ids if item_id not in judged])
            for item_id, said in words.items():
                if own := said.tags.keys() & set(names):
                    judged[item_id] = set(own)
            read += len(ids)
            if read * len(parts) >= MOST_READ or (len(judged) - begun) * len(parts) >= MOST_JUDGED:
                break
    return judged


def _pages(store: Store, where: Where) -> Iterator[list[int]]:
    after = 0
    while page := store.page(after=after, limit=PAGE, kind="image", where=where):
        after = page[-1].id
        yield [item.id for item in page]


def threshold_of(
    label: str, found: ScoredItems, rules: TagRules, verdicts: Verdicts
) -> LabelThreshold:
    """The threshold of a label. found: its pictures, by falling score."""
    own = rules.own.get(label, rules.threshold)
    if own is not None:
        return given_threshold(own)
    examples = sum(label in said for said in verdicts.said.values())
    if examples < FEWEST:
        return assumed_threshold(found.scores, rules.precision)
    known = verdicts.known(label, found.item_ids.tolist())
    right = verdicts.right(label, found.item_ids[known].tolist())
    return learned_threshold(found.scores[known], right, rules.precision, examples)


def tags_from(
    found: ScoredItems, threshold: LabelThreshold, rejected: Iterable[int] = ()
) -> ScoredItems:
    """The pictures of a label that are tagged with it. found: by falling score. rejected: pictures
    that a person took it off."""
    least = math.inf if threshold.least is None else threshold.least
    left_out = np.isin(found.item_ids, np.fromiter(rejected, np.int64))
    kept = (found.scores >= np.float32(least)) & ~left_out
    return ScoredItems(found.item_ids[kept], found.labels[kept], found.scores[kept])
