"""Other texts tell whether any label is there."""

from __future__ import annotations

import numpy as np
import pytest

from mmembed.classify import rivals
from mmembed.classify.rivals import LogisticRule, Rivals, together


def test_level_is_the_log_mean_exponential() -> None:
    texts = np.eye(3, dtype=np.float32)
    others = Rivals.of(texts, np.array([[0, 0, 1]], np.float32), 2.0)
    assert len(others.texts) == 2, "the label itself does not compete"
    rows = np.array([[1, 0, 0], [0, 0, 1]], np.float32)
    expected = np.log([(np.exp(2) + 1) / 2, 1.0])
    np.testing.assert_allclose(others.level(rows), expected, atol=1e-6)
    assert others.level(rows[:0]).shape == (0,)


def test_labels_like_all_texts_leave_some_rivals() -> None:
    texts = np.eye(2, dtype=np.float32)
    assert len(Rivals.of(texts, texts, 1.0).texts) == 2


def test_many_labels_are_compared_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rivals, "ROWS", 2)
    texts = np.eye(5, dtype=np.float32)
    assert len(Rivals.of(texts, texts[[0, 1, 4]], 1.0).texts) == 2


def test_huge_logits_do_not_overflow() -> None:
    texts = 1e6 * np.eye(2, dtype=np.float32)
    assert np.isfinite(Rivals(texts).level(np.eye(2, dtype=np.float32))).all()
    np.testing.assert_allclose(together(np.array([[1e6, 1e6]])), [1e6])
    assert LogisticRule(1, 0).chances(np.array([1e9, -1e9])).tolist() == [1, 0]
