"""Labels in a tree: names for prompts, and sums for parents."""

from __future__ import annotations

import numpy as np
import pytest

from mmembed.classify.label_paths import LabelTree
from mmembed.errors import QueryError

TREE = ["animal > dog > terrier", "animal > dog > poodle", "animal > cat", "car", "x>y"]


def test_parents_sum_their_leaves() -> None:
    tree = LabelTree.of(TREE)
    assert tree.names == ("terrier", "poodle", "cat", "car", "x>y")
    branches = tree.branches(np.array([0.3, 0.2, 0.1, 0.3, 0.1], np.float32))
    assert [one.path for one in branches] == [("animal",), ("animal", "dog")]
    assert [one.probability for one in branches] == pytest.approx([0.6, 0.5])


def test_flat_labels_have_no_parents() -> None:
    tree = LabelTree.of(["cat", "dog"])
    assert tree.names == ("cat", "dog")
    assert tree.branches(np.array([0.5, 0.5], np.float32)) == ()


def test_names_that_end_alike_are_told_apart_by_their_parents() -> None:
    tree = LabelTree.of(["animal > bat", "sport > bat", "a > b > c", "x > b > c", "cat"])
    assert tree.names == ("bat, animal", "bat, sport", "c, b, a", "c, b, x", "cat")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["animal", "animal > dog"], "'animal': is a parent of 'animal > dog'"),
        (["a > b", "a >  b"], "'a > b' and 'a >  b' are the same"),
        (["a > > b"], "a part of the path is blank"),
        (["a > "], "a part of the path is blank"),
        ([" > a"], "a part of the path is blank"),
        ([" > ".join("abcdefghi")], "9 levels, limit 8"),
    ],
)
def test_trees_that_make_no_sense_are_refused(labels: list[str], message: str) -> None:
    with pytest.raises(QueryError, match=message):
        LabelTree.of(labels)
