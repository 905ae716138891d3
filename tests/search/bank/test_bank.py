"""The bank's texts, its moments, and the file that keeps its embeddings."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mmembed.errors import InputError
from mmembed.search.bank.bank import Bank
from mmembed.search.bank.bank_texts import FEWEST, LONGEST, MOST, chosen_texts, shipped_texts
from mmembed.search.bank.kept_bank import find_bank, keep_bank
from training.bank import make_bank

TEXTS = tuple(f"text {number}" for number in range(FEWEST))


def bank(seed: int = 0) -> Bank:
    rows = np.random.default_rng(seed).normal(size=(len(TEXTS), 6))
    return Bank(TEXTS, np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32))


def file_of(tmp_path: Path, *lines: str) -> str:
    path = tmp_path / "bank.txt"
    path.write_text("\n".join(lines), "utf-8")
    return str(path)


# -- texts ---------------------------------------------------------------------------


def test_the_package_brings_distinct_short_texts() -> None:
    texts = shipped_texts()
    assert chosen_texts("") == texts
    assert 2000 <= len(texts) <= 5000
    assert len(set(texts)) == len(texts)
    assert all(text == text.strip() != "" and len(text) <= LONGEST for text in texts)
    assert {"dog", "beach", "bicycle"} <= set(texts)
    assert any(len(text.split()) > 5 for text in texts)


def test_a_file_replaces_them(tmp_path: Path) -> None:
    lines = ["\ufeffein Hund", "", *TEXTS, "  ein Hund  ", "été"]
    assert chosen_texts(file_of(tmp_path, *lines)) == ("ein Hund", *TEXTS, "été")


def test_off_is_no_bank() -> None:
    assert chosen_texts("off") == chosen_texts("OFF") == ()


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            ["x" * (LONGEST + 1), *TEXTS],
            rf"bank\.txt, line 1: {LONGEST + 1} char.* limit {LONGEST}",
        ),
        (["one", "two", "two"], rf"bank\.txt holds 2 different texts.* {FEWEST} to {MOST}"),
        (list(map(str, range(MOST + 1))), rf"bank\.txt holds {MOST + 1} different texts"),
    ],
)
def test_a_file_that_is_no_bank_is_refused(tmp_path: Path, lines: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        chosen_texts(file_of(tmp_path, *lines))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"MMEMBED_BANK: .*none\.txt cannot be read: No such file"):
        chosen_texts(str(tmp_path / "none.txt"))
    (tmp_path / "latin").write_bytes(b"caf\xe9\n" * FEWEST)
    with pytest.raises(InputError, match="latin is not UTF-8 at byte 3"):
        chosen_texts(str(tmp_path / "latin"))


# -- moments -------------------------------------------------------------------------


def test_the_moments_give_a_pictures_cosines_with_the_bank() -> None:
    one, rng = bank(), np.random.default_rng(1)
    picture = rng.normal(size=6)
    picture /= np.linalg.norm(picture)
    cosines = one.embeddings @ picture
    assert one.mean @ picture == pytest.approx(cosines.mean(), abs=1e-6)
    variance = picture @ one.second_moment @ picture - (one.mean @ picture) ** 2
    assert variance == pytest.approx(cosines.var(), abs=1e-6)


def test_the_mean_of_words_leaves_out_sentences() -> None:
    rows = bank().embeddings
    texts = ("a dog", *TEXTS[1:50], *(f"a sentence of number {number}" for number in range(50)))
    mixed = Bank(texts, rows)
    assert mixed.words_mean == pytest.approx(rows[:50].mean(axis=0), abs=1e-6)
    assert mixed.mean == pytest.approx(rows.mean(axis=0), abs=1e-6)
    assert Bank(texts[49:], rows[49:]).words_mean == pytest.approx(rows[49:].mean(axis=0), abs=1e-6)


# -- the cache -----------------------------------------------------------------------


def test_a_kept_bank_is_found_for_its_model_and_texts_alone(tmp_path: Path) -> None:
    keep_bank(tmp_path, "a" * 64, bank())
    kept = find_bank(tmp_path, "a" * 64, TEXTS)
    assert kept is not None
    assert kept.texts == TEXTS
    assert np.array_equal(kept.embeddings, bank().embeddings)
    assert find_bank(tmp_path, "b" * 64, TEXTS) is None
    assert find_bank(tmp_path, "a" * 64, TEXTS[::-1]) is None


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "of another"])
def test_a_damaged_bank_is_not_used(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    keep_bank(tmp_path, "a" * 64, bank())
    [path] = (tmp_path / "banks").iterdir()
    content = bytearray(path.read_bytes())
    content[50] ^= 1
    if damage == "of another":
        keep_bank(tmp_path, "b" * 64, bank(1))
        [other] = set((tmp_path / "banks").iterdir()) - {path}
        content = bytearray(other.read_bytes())
    changed = {"cut": bytes(content[:-40]), "empty": b""}.get(damage, bytes(content))
    path.write_bytes(changed)
    assert find_bank(tmp_path, "a" * 64, TEXTS) is None
    assert "cannot be used" in caplog.text
    keep_bank(tmp_path, "a" * 64, bank())
    assert find_bank(tmp_path, "a" * 64, TEXTS) is not None


def test_a_cache_that_cannot_be_written_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "banks").write_text("a file in the place of the folder")
    keep_bank(tmp_path, "a" * 64, bank())
    assert "cannot be written" in caplog.text
    assert find_bank(tmp_path, "a" * 64, TEXTS) is None


# -- how it is made ------------------------------------------------------------------


def test_the_texts_are_made_from_names_classes_and_rules(tmp_path: Path) -> None:
    emoji = {
        "🐕": {"tts": ["dog"], "default": ["dog", "pet", "lol"]},
        "🐈": {"tts": ["cat"], "default": ["cat", "pet"]},
        "🐇": {"tts": ["rabbit"], "default": ["pet", "bunny"]},
        "🔼": {"tts": ["upwards button"], "default": ["arrow", "button"]},
        "∅": {"tts": ["empty set"], "default": ["empty"]},
    }
    (tmp_path / "annotations.json").write_text(
        json.dumps({"annotations": {"annotations": emoji}}), "utf-8"
    )
    (tmp_path / "en_classnames.json").write_text(json.dumps({"imagenet1k": ["tench", "x", "hen"]}))
    texts = make_bank.bank_texts(tmp_path)
    assert texts[:6] == ["cat", "dog", "pet", "rabbit", "tench", "hen"]
    assert len(texts) == 6 + make_bank.CAPTIONS == len(set(texts))
    assert texts == make_bank.bank_texts(tmp_path)
