"""Words take what was learned of them and of like words; other texts stay as they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmembed import load_encoder
from mmembed.search import learned_words as module
from mmembed.search.hub_correction import MOST, corrected, strength
from mmembed.search.learned_words import FILE, LearnedWords, learned_words, write_words

CENTRE = np.array([0.6, 0, 0, 0], np.float32)
WORDS = LearnedWords(
    CENTRE,
    np.array([[0, 1, 0, 0], [0, 0, 1, 0]], np.float32),
    np.array([[0, 0, 0, 2], [3, 0, 0, 0]], np.float32),
)
FIRST = np.array([0.6, 0.8, 0, 0], np.float32)
"""The first word itself."""
OTHER = np.array([0.6, 0, 0, 0.8], np.float32)


def test_a_word_takes_its_own_shift_and_little_of_others() -> None:
    assert WORDS.shift_of(FIRST) == pytest.approx([0, 0, 0, 2], abs=1e-3)


def test_a_like_word_takes_a_part_and_another_meaning_nothing() -> None:
    near = np.array([0.6, 0.75, 0, 0.28], np.float32)
    assert 0.5 < WORDS.shift_of(near)[3] < 1.5
    assert WORDS.shift_of(OTHER) == pytest.approx(np.zeros(4), abs=1e-3)
    assert np.isfinite(WORDS.shift_of(CENTRE)).all()


def test_words_are_shifted_and_whole_sentences_and_pictures_are_not() -> None:
    mean = np.array([0.5, 0, 0, 0], np.float32)
    rows = np.stack([FIRST, FIRST, FIRST])
    tokens = [3, 40, None]
    word, sentence, picture = corrected(rows, tokens, mean, WORDS)
    plain = corrected(rows, tokens, mean)
    assert word - plain[0] == pytest.approx([0, 0, 0, 2 * strength(3) / MOST], abs=0.05)
    assert sentence == pytest.approx(plain[1], abs=1e-6)
    assert np.array_equal(picture, FIRST)


def test_what_is_written_is_read_by_its_model_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "words.npz"
    write_words(path, "of this model", ["one", "two"], WORDS)
    monkeypatch.setattr(module, "FILE", path)
    stored = learned_words("of this model")
    assert stored is not None
    assert np.array_equal(stored.keys, WORDS.keys)
    assert stored.shifts.dtype == np.float32
    assert learned_words("of another model") is None
    monkeypatch.setattr(module, "FILE", tmp_path / "missing.npz")
    assert learned_words("of this model") is None


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut"])
def test_a_damaged_file_is_no_words(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    path = tmp_path / "damaged.npz"
    path.write_bytes(content)
    monkeypatch.setattr(module, "FILE", path)
    assert learned_words("of this model") is None
    assert "damaged.npz: cannot be read" in caplog.text


def test_the_package_brings_everyday_words() -> None:
    with np.load(FILE) as stored:
        words, keys, shifts = stored["words"].tolist(), stored["keys"], stored["shifts"]
    assert {"dog", "beach", "bicycle", "ball", "snow", "goldfish"} <= set(words)
    assert keys.shape == shifts.shape == (len(words), 256)
    assert np.linalg.norm(keys.astype(np.float32), axis=1) == pytest.approx(1, abs=1e-2)
    assert np.isfinite(shifts).all()


@pytest.mark.slow
def test_the_built_in_model_has_learned_words() -> None:
    """Another training of it needs `training.learned_words` again."""
    assert learned_words(load_encoder("bundled", engine="torch-float32").facts.fingerprint)
