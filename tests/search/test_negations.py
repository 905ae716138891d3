"""A negation in words is offered as a negative term, and only where there is one."""

from __future__ import annotations

import time

import pytest

from mmembed.search.negations import MOST_CHARS, negates, note_on_negation


@pytest.mark.parametrize(
    ("words", "rest", "away"),
    [
        ("a dog without grass", "a dog", "grass"),
        ("A Dog WITHOUT the grass.", "A Dog", "the grass"),
        ("a beach with no people", "a beach", "people"),
        ("a beach, no people!", "a beach", "people"),
        ("children but not adults", "children", "adults"),
        ("a street except cars and buses", "a street", "cars and buses"),
        ("ein Hund ohne Gras", "ein Hund", "Gras"),
        ("Strand, keine Leute", "Strand", "Leute"),
        ("un chien sans laisse", "un chien", "laisse"),
        ("un perro sin correa", "un perro", "correa"),
        ("un cane senza guinzaglio", "un cane", "guinzaglio"),
        ("um cão sem trela", "um cão", "trela"),
        ("een hond zonder riem", "een hond", "riem"),
        ("собака без поводка", "собака", "поводка"),
    ],
)
def test_a_negation_is_offered(words: str, rest: str, away: str) -> None:
    note = note_on_negation(words)
    assert note is not None
    assert f"search for “{rest}” with “{away}” as a negative term: without={away} over" in note


@pytest.mark.parametrize(
    "words",
    ["a dog", "no smoking", "without", "a dog without", "  ", "", "a piano", "Bezirk", "sans serif",
     "nothing", "a knot of rope", "without a doubt a dog", "dog without " + "x" * MOST_CHARS],
)  # fmt: skip
def test_other_words_are_left_alone(words: str) -> None:
    assert note_on_negation(words) is None


@pytest.mark.parametrize(
    "words", ["no " * 60, " " * 199, "a without " * 19, "\n" * 100 + "no x" * 20]
)
def test_no_words_take_long(words: str) -> None:
    started = time.perf_counter()
    note_on_negation(words)
    assert time.perf_counter() - started < 0.2


@pytest.mark.parametrize("words", ["no dogs", "Without a dog", "ohne Hund", "a dog without grass"])
def test_words_that_negate(words: str) -> None:
    assert negates(words)


@pytest.mark.parametrize("words", ["a dog", "nothing", "Nora", "no", "a dog with a note"])
def test_words_that_do_not(words: str) -> None:
    assert not negates(words)
