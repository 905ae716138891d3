"""The tags of a collection that look wrong, by the other pictures that have them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmembed.counted import counted
from mmembed.errors import QueryError
from mmembed.explore.tagging.label_errors import errors_of_each, errors_of_one
from mmembed.explore.tagging.logistic import FOLDS, out_of_fold
from mmembed.explore.tagging.tag_pictures import judged_images
from mmembed.filters.tree import Where
from mmembed.search.ordering import unit_rows
from mmembed.store.protocol import Store
from mmembed.types import Item

FEWEST = 10
"""Pictures that a tag needs, so that its pictures tell what it means."""
MOST_TAGS = 100
"""Tags that are checked unless some are named: those that people and files gave most often."""
MOST_CONSIDERED = 2_000
"""Tags among which these are looked for."""


@dataclass(frozen=True)
class DoubtfulTag:
    """A tag of a picture that looks wrong, or one that it seems to lack."""

    item: Item
    wrong: str | None
    """The tag that a person or a file gave it."""
    better: str | None
    """The tag that would suit it."""
    doubt: float
    """From 0 to 1."""


@dataclass(frozen=True)
class CheckedTags:
    """The result of a check."""

    pictures: int
    """Pictures with a tag that was checked."""
    tags: tuple[str, ...]
    competing: bool
    """Whether each picture has exactly one of the tags; each tag then competes with the others."""
    doubts: tuple[DoubtfulTag, ...]
    """By falling doubt."""


def check_tags(store: Store, wanted: Sequence[str], where: Where) -> CheckedTags:
    """Check tags that people and files gave: the wanted ones, else the most frequent ones. One tag
    is compared with all. Raises QueryError for a tag with too few pictures."""
    usual = _frequent(store)
    considered = list(dict.fromkeys(wanted)) if len(set(wanted)) > 1 else [*wanted, *usual]
    judged = judged_images(store, list(dict.fromkeys(considered)), where)
    counts = Counter(tag for said in judged.values() for tag in said)
    _check_counts(wanted, counts)
    most = max(MOST_TAGS, len(wanted))
    frequent = [tag for tag, count in counts.most_common() if count >= FEWEST][:most]
    tags = sorted({*frequent, *wanted})
    said = {key: own for key, some in judged.items() if (own := some & set(tags))}
    competing = len(tags) > 1 and all(len(own) == 1 for own in said.values())
    if len(tags) < 2 and not _has_others(tags, said):
        return CheckedTags(len(said), tuple(tags), competing, ())
    doubts = _doubts(store, said, tags, competing)
    chosen = [one for one in doubts if not wanted or {one.wrong, one.better} & set(wanted)]
    return CheckedTags(len(said), tuple(tags), competing, tuple(chosen))


def _frequent(store: Store) -> list[str]:
    """Automatic tags are among them: a label set may have given the most frequent ones."""
    counts = Counter(store.tags())
    return [tag for tag, count in counts.most_common(MOST_CONSIDERED) if count >= FEWEST]


def _check_counts(wanted: Sequence[str], counts: Mapping[str, int]) -> None:
    for tag in wanted:
        if counts.get(tag, 0) < FEWEST:
            raise QueryError(
                f"tag {tag!r:.80}: {counted(counts.get(tag, 0), 'picture')} with it from a person "
                f"or a file, and a check needs {FEWEST}; tag more of them, or leave it out"
            )


def _has_others(tags: Sequence[str], said: Mapping[int, set[str]]) -> bool:
    return any(set(tags) - own for own in said.values())


def _doubts(
    store: Store, said: Mapping[int, set[str]], tags: Sequence[str], competing: bool
) -> list[DoubtfulTag]:
    items = {item.id: item for item in store.items(list(said))}
    ids, stored = store.vectors_of(list(items))
    rows = unit_rows(stored)
    place = {tag: position for position, tag in enumerate(tags)}
    given = np.zeros((len(ids), len(tags)), bool)
    for row, item_id in enumerate(ids):
        given[row, [place[tag] for tag in said[item_id]]] = True
    chances = out_of_fold(rows, given, _folds([items[one] for one in ids]), competing=competing)
    fitted = ~np.isnan(chances).any(axis=1)
    kept = np.flatnonzero(fitted)
    found = (
        errors_of_one(chances[kept], given[kept].argmax(axis=1))
        if competing
        else errors_of_each(chances[kept], given[kept])
    )
    return [
        DoubtfulTag(items[ids[kept[one.row]]], _named(tags, one.wrong), _named(tags, one.better),
                    one.doubt)
        for one in found
    ]  # fmt: skip


def _named(tags: Sequence[str], position: int | None) -> str | None:
    return None if position is None else tags[position]


def _folds(items: Sequence[Item]) -> NDArray[np.int64]:
    """By content, so that no copy of a picture speaks for it."""
    return np.array([hash_of(item.sha256) % FOLDS for item in items], np.int64)


def hash_of(content: str) -> int:
    """A number that is the same in every process."""
    return int.from_bytes(content.encode(errors="surrogatepass")[-8:], "big")
