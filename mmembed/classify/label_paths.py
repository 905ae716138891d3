"""Hierarchical labels: `animal > dog > terrier` is a terrier below dogs below animals.

Only leaves compete; the probability of a parent is the sum of its leaves.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmembed.errors import QueryError

SEPARATOR = " > "
DEEPEST = 8
_BETWEEN = re.compile(r"(?<=\s)>(?=\s)")

Path = tuple[str, ...]


@dataclass(frozen=True)
class Branch:
    """A parent of labels, with its probability for one input."""

    path: Path
    """From the top: animal, dog."""
    probability: float
    """The sum of its leaves."""

    @property
    def label(self) -> str:
        """The path as it is written: animal > dog."""
        return SEPARATOR.join(self.path)


@dataclass(frozen=True, eq=False)
class LabelTree:
    """Labels as leaves of a tree."""

    paths: tuple[Path, ...]
    """Of each label; a label without parents is a path of one."""
    parents: tuple[Path, ...]
    """In the order of first mention, shorter ones first; none for flat labels."""
    below: NDArray[np.int64]
    """int64 (2, n): positions of a label and of a parent that it lies below."""

    @classmethod
    def of(cls, labels: Sequence[str]) -> LabelTree:
        """The tree of labels. Raises QueryError for a path with a blank part, one that is too
        deep, one that comes twice, and a label that is a parent, too."""
        paths = tuple(_path_of(label) for label in labels)
        _check_distinct(labels, paths)
        parents: dict[Path, int] = {}
        below = [
            (i, parents.setdefault(path[:n], len(parents)))
            for i, path in enumerate(paths)
            for n in range(1, len(path))
        ]
        for path in paths:
            if path in parents:
                lower = next(one for one in paths if one[: len(path)] == path and one != path)
                raise QueryError(
                    f"label {SEPARATOR.join(path)!r}: is a parent of {SEPARATOR.join(lower)!r}; "
                    "leave it out, its probability is the sum of what is below it"
                )
        pairs = np.array(below, np.int64).reshape(-1, 2).T
        return cls(paths, tuple(parents), pairs)

    @property
    def names(self) -> tuple[str, ...]:
        """The words of labels in prompts: the last part, with parents where several end alike."""
        depth = [1] * len(self.paths)
        while True:
            names = [_name(path, n) for path, n in zip(self.paths, depth, strict=True)]
            count = Counter(names)
            unclear = [
                i
                for i, path in enumerate(self.paths)
                if count[names[i]] > 1 and depth[i] < len(path)
            ]
            if not unclear:
                return tuple(names)
            for i in unclear:
                depth[i] += 1

    def branches(self, likely: NDArray[np.float32]) -> tuple[Branch, ...]:
        """Every parent by falling probability, of equals the higher one first. likely: float32
        (labels,), which sum to at most 1."""
        leaf, parent = self.below
        sums = np.bincount(parent, weights=likely[leaf], minlength=len(self.parents))
        order = np.argsort(-sums, kind="stable")
        return tuple(Branch(self.parents[i], min(1.0, float(sums[i]))) for i in order)


def _check_distinct(labels: Sequence[str], paths: Sequence[Path]) -> None:
    first: dict[Path, str] = {}
    for label, path in zip(labels, paths, strict=True):
        if first.setdefault(path, label) != label:
            raise QueryError(f"labels {first[path]!r} and {label!r} are the same; leave one out")


def _path_of(label: str) -> Path:
    if SEPARATOR.strip() not in label:
        return (label,)
    parts = tuple(part.strip() for part in _BETWEEN.split(f" {label} "))
    if not all(parts):
        raise QueryError(f"label {label!r}: a part of the path is blank")
    if len(parts) > DEEPEST:
        raise QueryError(f"label {label[:80]!r}: {len(parts)} levels, limit {DEEPEST}")
    return parts


def _name(path: Path, parts: int) -> str:
    """`dog, animal` for two parts of animal > dog."""
    return ", ".join(reversed(path[-parts:]))
