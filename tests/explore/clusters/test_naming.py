"""Names of clusters"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmembed.explore.clusters.naming import Vocabulary, names_of
from mmembed.search.bank.bank import Bank

WORDS = ["red", "scarlet", "blue", "green", "grey", "a long caption of something"]


def bank(words: list[str] = WORDS) -> Bank:
    """Each word is an axis of its own; scarlet is nearly red."""
    rows = np.eye(len(words), dtype=np.float32)
    if "scarlet" in words:
        rows[words.index("scarlet")] = rows[words.index("red")] * 0.995
        rows[words.index("scarlet"), -1] = np.sqrt(1 - 0.995**2)
    return Bank(tuple(words), rows)


def pictures(word: str, count: int = 8, noise: float = 0.1) -> NDArray[np.float32]:
    random = np.random.default_rng(WORDS.index(word))
    rows = random.normal(0, noise, (count, len(WORDS)))
    rows[:, WORDS.index(word)] += 1
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def named(*groups: NDArray[np.float32]) -> list[str | None]:
    means = np.stack([group.mean(axis=0) for group in groups])
    sample = np.concatenate(groups)
    found = names_of(Vocabulary(bank()), means, list(groups), sample)
    return [None if one is None else one.text for one in found]


def test_each_cluster_gets_the_word_that_fits() -> None:
    assert named(pictures("blue"), pictures("green"), pictures("grey")) == ["blue", "green", "grey"]


def test_captions_of_single_pictures_are_no_names() -> None:
    many = [f"word{number}" for number in range(20)]
    assert Vocabulary(bank([*many, "a long caption"])).texts == many


def test_no_two_names_are_alike() -> None:
    clear, weak = pictures("red", noise=0.02), pictures("red", noise=0.3)
    names = named(clear, weak, pictures("blue"))
    assert names[0] in ("red", "scarlet")
    assert names[1] not in ("red", "scarlet")
    assert names[2] == "blue"


def test_further_words_are_unlike_the_name_and_other_names() -> None:
    groups = [pictures("red"), pictures("blue")]
    found = names_of(
        Vocabulary(bank()), np.stack([group.mean(axis=0) for group in groups]), groups,
        np.concatenate(groups),
    )  # fmt: skip
    first = found[0]
    assert first is not None
    assert not {"red", "scarlet", "blue"} & set(first.also)


def test_a_name_says_how_sure_it_is() -> None:
    vocabulary = Vocabulary(Bank(tuple(f"w{n}" for n in range(100)), np.eye(100, dtype=np.float32)))
    rows = np.eye(100, dtype=np.float32)[[7, 7, 7, 8]]
    assert vocabulary.sure(7, rows) == 0.75


def test_one_cluster_of_one_picture_has_a_name() -> None:
    [name] = named(pictures("green", 1, 0.0))
    assert name == "green"


def test_clusters_beyond_the_words_have_no_name() -> None:
    groups = [pictures(word) for word in ("red", "blue", "green", "grey")] * 2
    names = named(*groups)
    assert len([name for name in names if name]) == len({name for name in names if name})
    assert None in names
