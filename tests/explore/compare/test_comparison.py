"""What a comparison measures, and what it tells about its measures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from mmembed.errors import LimitError, QueryError
from mmembed.explore.compare.comparison import (
    MOST,
    ComparedInput,
    InputComparison,
    check_count,
    compare,
)
from mmembed.explore.compare.lessons import lessons


def compared(texts: Sequence[str | None], angles: Sequence[float]) -> InputComparison:
    """Texts, and pictures in place of None, whose embeddings lie at these angles of a circle."""
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    return compare([ComparedInput(text or "a.jpg", text) for text in texts], rows)


def test_both_measures_of_embeddings_agree() -> None:
    found = compared(["a", "b", None], [0, np.pi / 3, np.pi / 2])
    assert found.cosine[0].tolist() == pytest.approx([1, 0.5, 0], abs=1e-6)
    assert found.euclidean[0].tolist() == pytest.approx([0, 1, np.sqrt(2)], abs=1e-6)
    assert (found.cosine == found.cosine.T).all()


def test_measures_of_words_are_of_texts_alone() -> None:
    found = compared(["a dog", None, "a dog dog"], [0, 1, 2])
    assert found.texts == (0, 2)
    assert {name: matrix.shape for name, matrix in found.by_words.items()} == {
        "one_hot": (2, 2), "bag_of_words": (2, 2), "tf_idf": (2, 2)
    }  # fmt: skip
    assert found.by_words["one_hot"][0, 1] == 1
    assert found.by_words["bag_of_words"][0, 1] < 1


def test_pictures_alone_have_no_words() -> None:
    found = compared([None, None], [0, 1])
    assert found.by_words["tf_idf"].shape == (0, 0)
    assert lessons(found) == ()


@pytest.mark.parametrize(
    ("first", "second", "lesson"),
    [
        ("a dog chases a cat", "a cat chases a dog", "Order"),
        ("a dog on grass", "a dog not on grass", "Negation"),
        ("two dogs", "5 dogs", "Counting"),
        ("a dog", "three dogs", "Counting"),
    ],
)
def test_a_pair_teaches_its_lesson(first: str, second: str, lesson: str) -> None:
    [told] = lessons(compared([first, second], [0, 0.1]))
    assert told.startswith(f"{lesson}: ")
    assert f"“{first}” and “{second}”" in told
    assert "0.995" in told


def test_synonyms_are_told_where_words_mislead() -> None:
    texts = ["a dog runs", "one puppy is running", "a dog sleeps"]
    [told] = lessons(compared(texts, [0, 0.1, 0.5]))
    assert told.startswith(
        "Synonyms: “a dog runs” and “one puppy is running” share no word but articles"
    )
    assert lessons(compared(texts, [0, 0.5, 0.1])) == ()


def test_a_text_beside_a_picture_is_told() -> None:
    [told] = lessons(compared(["a dog", None], [0, 1]))
    assert told.startswith("Texts and pictures lie in two parts")


def test_long_texts_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not for every pair of pairs, of which 50 texts have a million."""
    read: list[str] = []

    def words_of(text: str) -> list[str]:
        read.append(text)
        return text.split()

    monkeypatch.setattr("mmembed.explore.compare.lessons.words_of", words_of)
    texts = [f"word{number}" for number in range(MOST)]
    assert lessons(compared(texts, np.linspace(0, 1, MOST).tolist())) == ()
    assert sorted(read) == sorted(texts)


def test_counts_are_limited() -> None:
    with pytest.raises(QueryError, match="give at least 2"):
        check_count(1)
    with pytest.raises(LimitError, match=f"limit {MOST}"):
        check_count(MOST + 1)
    check_count(MOST)
