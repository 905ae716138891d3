"""Words of texts: one rule for what is stored and what is asked."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmembed.store.words.tokens import (
    LONGEST,
    MOST_OF_ITEM,
    asked_words,
    words_in,
    words_in_name,
    words_of_image,
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A dog's café, naïve Straße!", ["a", "dog", "s", "cafe", "naive", "strasse"]),
        ("ÉCOLE École e\u0301cole", ["ecole", "ecole", "ecole"]),
        ("4x4 and 3.5 mm", ["4x4", "and", "3", "5", "mm"]),
        ("snake_case", ["snake", "case"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("Ёлка", ["елка"]),
        ("شَمْس", ["شمس"]),
        ("日本語", ["日", "本", "語", "日本", "本語"]),
        ("犬", ["犬"]),
        ("Tokyo東京2024", ["tokyo", "東", "京", "東京", "2024"]),
        ("🐶🐶 ❤️", ["🐶", "🐶", "❤"]),
        ("x\0y\ud800z", ["x", "y", "z"]),
        ('"a" OR b* NEAR(c)', ["a", "or", "b", "near", "c"]),
        (" \t\n", []),
    ],
)
def test_texts_have_words(text: str, words: list[str]) -> None:
    assert words_in(text) == words


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("BeachHoliday_2024", ["beachholiday", "2024", "beach", "holiday"]),
        ("IMG0815", ["img0815", "img", "0815"]),
        ("HTMLParser", ["htmlparser", "html", "parser"]),
        ("my-trip", ["my", "trip"]),
    ],
)
def test_names_have_parts(name: str, words: list[str]) -> None:
    assert list(words_in_name(name)) == words


def test_words_are_asked_once_and_pairs_of_signs_alone() -> None:
    assert asked_words("The dog, the DOG") == ["the", "dog"]
    assert asked_words("日本語 犬") == ["日本", "本語", "犬"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("IMG_0815.JPG", ["img", "0815"]),
        ("東京.webp", ["東京"]),
        ("a.png beside b.tar.jpeg", ["a", "beside", "b", "tar"]),
        ("jpg", ["jpg"]),
        (".jpg x.jpgs", ["jpg", "x", "jpgs"]),
        ("see x.jpg, please", ["see", "x", "jpg", "please"]),
    ],
)
def test_the_suffix_of_a_file_is_no_word_of_a_query(text: str, words: list[str]) -> None:
    assert asked_words(text) == words


def test_an_image_has_the_words_of_all_that_is_said_of_it() -> None:
    words = words_of_image(["A dog"], ["Summer"], "/photos/ItalyTrip/IMG_1.JPG")
    assert words == ["a", "dog", "summer", "photos", "italytrip", "italy", "trip", "img", "1"]
    assert words_of_image([], [], None) == []


def test_long_runs_and_long_texts_are_cut() -> None:
    assert words_in("a" * (LONGEST + 1) + " b") == ["b"]
    assert len(words_of_image(["word " * (MOST_OF_ITEM + 5)], [], None)) == MOST_OF_ITEM


@pytest.mark.slow
@given(st.text(max_size=200))
def test_no_word_has_a_sign_of_a_syntax(text: str) -> None:
    for word in [*words_in(text), *words_in_name(text)]:
        assert re.search(r"[\x00-/:-@\[-`{-\x7f\ud800-\udfff]", word) is None
    assert set(asked_words(text)) <= set(words_in(text))


@pytest.mark.slow
@given(st.text(st.characters(max_codepoint=127), max_size=200))
def test_texts_of_ascii_have_the_words_that_any_text_has(text: str) -> None:
    """Another sign behind a text has it read in the way for all scripts."""
    assert words_in(f"{text} é") == [*words_in(text), "e"]
    name = dict.fromkeys([*words_in_name(text), "e"])
    assert set(words_in_name(f"{text} é")) == set(name)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/photos/.hidden", ["photos", "hidden"]),
        ("/photos/a.b.jpg", ["photos", "a", "b"]),
        ("photo", ["photo"]),
        ("/Photo.jpg", ["photo"]),
        ("//photos//..jpg", ["photos", "jpg"]),
    ],
)
def test_a_suffix_is_no_word(path: str, words: list[str]) -> None:
    assert words_of_image([], [], path) == words
