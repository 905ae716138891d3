"""Labels that were flipped are found, and few others are doubted."""

from __future__ import annotations

import numpy as np

from mmembed.explore.tagging.label_errors import errors_of_each, errors_of_one
from mmembed.explore.tagging.logistic import FOLDS, out_of_fold
from mmembed.types import Embeddings


def classes(
    labels: int, each: int
) -> tuple[Embeddings, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Rows around so many centres, and their labels."""
    generator = np.random.default_rng(0)
    truth = np.repeat(np.arange(labels), each)
    rows = generator.normal(size=(labels, 16))[truth] + 0.5 * generator.normal(
        size=(len(truth), 16)
    )
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32), truth


def test_flipped_labels_are_found() -> None:
    rows, truth = classes(4, 60)
    generator = np.random.default_rng(1)
    flipped = generator.choice(len(truth), 12, replace=False)
    said = truth.copy()
    said[flipped] = (said[flipped] + 1 + generator.integers(0, 3, 12)) % 4
    given = np.eye(4, dtype=bool)[said]
    chances = out_of_fold(rows, given, np.arange(len(truth)) % FOLDS, competing=True)
    assert np.allclose(chances.sum(axis=1), 1)
    found = errors_of_one(chances, said)
    named = {one.row: one.better for one in found}
    assert len(named.keys() & set(flipped.tolist())) >= 11
    assert len(named) <= 14
    assert all(named[row] == truth[row] for row in set(flipped.tolist()) & named.keys())
    assert [one.doubt for one in found] == sorted((one.doubt for one in found), reverse=True)


def test_tags_that_are_wrong_and_tags_that_lack_are_found() -> None:
    rows, truth = classes(4, 60)
    given = np.stack([truth == 0, truth < 2, truth == 3], axis=1)
    lacking, wrong = {(row, 0) for row in range(6)}, {(row, 1) for row in range(200, 206)}
    for row, label in lacking | wrong:
        given[row, label] ^= True
    chances = out_of_fold(rows, given, np.arange(len(truth)) % FOLDS, competing=False)
    found = errors_of_each(chances, given)
    named = {(one.row, one.better if one.wrong is None else one.wrong) for one in found}
    assert named <= lacking | wrong
    assert len(named) >= 3


def test_a_label_of_all_rows_or_of_none_is_not_doubted() -> None:
    chances = np.full((5, 2), 0.9)
    given = np.stack([np.ones(5, bool), np.zeros(5, bool)], axis=1)
    assert errors_of_each(chances, given) == []
    assert errors_of_one(np.array([[1.0, 0.0]] * 5), np.zeros(5, np.int64)) == []


def test_copies_in_one_fold_alone_are_left_out() -> None:
    rows, truth = classes(2, 5)
    given = np.eye(2, dtype=bool)[truth]
    assert np.isnan(out_of_fold(rows, given, np.zeros(10, np.int64), competing=True)).all()
