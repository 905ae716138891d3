"""The comparison notices what differs; without a model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.clients import expected
from tests.clients.expected import Expected
from tests.fake_encoder import FakeEncoder

TEXTS = ["a red bus", "a blue boat"]


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> Expected:
    monkeypatch.setattr(expected, "load_encoder", lambda name, engine: FakeEncoder())
    return Expected(TEXTS, [Path("not read")])


def test_the_same_rows_are_right_and_others_are_not(rows: Expected) -> None:
    right = rows.texts.tolist()
    assert rows.complaint("text", right) == ""
    assert rows.complaint("text", right[::-1])
    assert rows.complaint("text", right[:1])
    assert rows.complaint("text", (2 * rows.texts).tolist())
    assert rows.complaint("first text", right[:1]) == ""


def test_whole_numbers_lie_where_their_type_has_them(rows: Expected) -> None:
    scaled = np.rint(rows.texts * 127 / np.abs(rows.texts).max(axis=1, keepdims=True))
    assert rows.complaint("int8", scaled.tolist()) == ""
    assert rows.complaint("uint8", (scaled + 128).tolist()) == ""
    assert rows.complaint("uint8", scaled.tolist())
    assert rows.complaint("int8", rows.texts.tolist())


def test_every_sign_counts(rows: Expected) -> None:
    signs = np.packbits(rows.texts > 0, axis=1).astype(int)
    assert rows.complaint("ubinary", signs.tolist()) == ""
    assert rows.complaint("binary", (signs - 128).tolist()) == ""
    assert rows.complaint("binary", signs.tolist())
    assert rows.complaint("ubinary", (signs ^ 1).tolist())
