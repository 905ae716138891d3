"""Names of clusters"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmembed.explore.clusters.naming import Name, NamedClusters, Vocabulary, chosen_words
from mmembed.search.bank.bank import Bank

WORDS = ["red", "scarlet", "blue", "green", "grey", *(f"w{number}" for number in range(35))]


def bank(words: list[str] = WORDS) -> Bank:
    """Each word is an axis of its own; scarlet is nearly red."""
    rows = np.eye(len(words), dtype=np.float32)
    if "scarlet" in words:
        rows[words.index("scarlet")] = rows[words.index("red")] * 0.995
        rows[words.index("scarlet"), -1] = np.sqrt(1 - 0.995**2)
    return Bank(tuple(words), rows)


def pictures(*words: str, count: int = 8, noise: float = 0.05) -> NDArray[np.float32]:
    """Pictures that show all of these."""
    random = np.random.default_rng(len(words))
    rows = random.normal(0, noise, (count, len(WORDS)))
    for word in words:
        rows[:, WORDS.index(word)] += 1
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def named(*groups: NDArray[np.float32]) -> list[Name]:
    means = np.stack([group.mean(axis=0) for group in groups])
    return NamedClusters(Vocabulary(bank()), np.concatenate(groups), means, groups).names()


def texts(names: list[Name]) -> list[str]:
    return [name.text for name in names]


def test_each_cluster_gets_the_word_that_fits() -> None:
    names = named(pictures("blue"), pictures("green"), pictures("grey"))
    assert texts(names) == ["blue", "green", "grey"]
    assert [name.sure for name in names] == [1, 1, 1]


def test_a_cluster_whose_word_is_taken_has_a_second_one() -> None:
    names = named(pictures("red"), pictures("red", "w3"), pictures("scarlet", "w7"), pictures("w9"))
    assert sorted(texts(names)[:3]) == sorted({*texts(names)[:3]})
    firsts = {text.split(", ")[0] for text in texts(names)[:3]}
    assert len(firsts & {"red", "scarlet"}) == 1
    assert texts(names)[1].endswith("w3") or texts(names)[2].endswith("w7")


def test_further_words_are_unlike_the_name() -> None:
    first, _ = named(pictures("red", "w3"), pictures("blue"))
    assert not {"red", "scarlet", "blue"} >= set(first.also)
    assert len({first.text, *first.also}) == 3


def test_a_name_that_fits_some_of_the_pictures_says_so() -> None:
    mixed = np.concatenate([pictures("blue", count=6), pictures("w5", count=2)])
    [first, _] = named(mixed, pictures("green"))
    assert (first.text, first.sure) == ("blue", 0.75)


def test_one_cluster_of_one_picture_has_a_name() -> None:
    assert texts(named(pictures("green", count=1, noise=0))) == ["green"]


def test_a_cluster_of_everything_is_as_sure_as_its_pictures_say() -> None:
    [name] = named(np.concatenate([pictures("blue", count=6), pictures("w5", count=2)]))
    assert (name.text, name.sure) == ("blue", 0.75)


def test_names_repeat_only_where_every_word_is_one() -> None:
    none_alike = np.eye(3, dtype=bool)
    chosen = chosen_words(np.array([[3.0, 2, 1]] * 4), none_alike)
    assert [one.name for one in chosen] == [(0,), (0, 1), (0, 2), (0,)]


def test_everyday_words_are_those_that_captions_use() -> None:
    common = [f"word{number}" for number in range(60)]
    rare = ["Saluki", "abacus"]
    captions = [f"a {word} on the table {number}" for word in common for number in range(2)]
    assert Vocabulary(bank([*common, *rare, *captions])).texts == common
    assert Vocabulary(bank([*common[:9], *rare])).texts == [*common[:9], *rare]
