"""Label matrices outlive a process, are never trusted blindly, and take bounded room."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mmembed.classify import kept_matrices
from mmembed.classify.kept_matrices import KeptMatrices
from tests.fake_encoder import FakeEncoder

FACTS = FakeEncoder().facts
LABELS = [f"thing {i}" for i in range(64)]
MATRIX = FakeEncoder().embed_texts(LABELS)


def test_a_matrix_is_found_by_model_engine_labels_and_prompts(tmp_path: Path) -> None:
    kept = KeptMatrices(tmp_path)
    assert kept.find(FACTS, LABELS, ["{}"]) is None
    kept.keep(FACTS, LABELS, ["{}"], MATRIX)
    found = KeptMatrices(tmp_path).find(FACTS, LABELS, ["{}"])
    assert found is not None
    np.testing.assert_array_equal(found, MATRIX)
    assert kept.find(FACTS, LABELS, ["a {}"]) is None
    assert kept.find(FACTS, LABELS[::-1], ["{}"]) is None
    assert kept.find(replace(FACTS, engine="other"), LABELS, ["{}"]) is None
    assert kept.find(FakeEncoder("other").facts, LABELS, ["{}"]) is None


def test_few_prompts_are_not_kept(tmp_path: Path) -> None:
    KeptMatrices(tmp_path).keep(FACTS, LABELS[:63], ["{}"], MATRIX[:63])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["cut", "flipped", "swapped"])
def test_a_damaged_file_is_not_used(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    kept = KeptMatrices(tmp_path)
    kept.keep(FACTS, LABELS, ["{}"], MATRIX)
    [path] = (tmp_path / "labels").iterdir()
    data = bytearray(path.read_bytes())
    if damage == "cut":
        path.write_bytes(data[:-5])
    elif damage == "flipped":
        data[100] ^= 1
        path.write_bytes(data)
    else:
        kept.keep(FACTS, LABELS[::-1], ["{}"], MATRIX[::-1])
        [other] = set((tmp_path / "labels").iterdir()) - {path}
        path.write_bytes(other.read_bytes())
    with caplog.at_level(logging.WARNING):
        assert kept.find(FACTS, LABELS, ["{}"]) is None
    assert "its checksum does not hold" in caplog.text


def test_the_least_recently_used_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = KeptMatrices(tmp_path)
    monkeypatch.setattr(kept_matrices, "MOST_BYTES", 4 * (MATRIX.nbytes + 32))
    for number in range(4):
        kept.keep(FACTS, LABELS, [f"{number} {{}}"], MATRIX)
        for path in (tmp_path / "labels").iterdir():
            os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 10))
    assert kept.find(FACTS, LABELS, ["0 {}"]) is not None  # now the newest
    kept.keep(FACTS, LABELS, ["4 {}"], MATRIX)
    found = [kept.find(FACTS, LABELS, [f"{n} {{}}"]) is not None for n in range(5)]
    assert found == [True, False, True, True, True]


def test_a_cache_that_cannot_be_written_costs_time_alone(tmp_path: Path) -> None:
    (tmp_path / "labels").write_text("a file in the folder's place")
    kept = KeptMatrices(tmp_path)
    kept.keep(FACTS, LABELS, ["{}"], MATRIX)
    assert kept.find(FACTS, LABELS, ["{}"]) is None
