"""Texts → words, by one rule for what is stored and what is asked.

Letters lose case and accents. Scripts without spaces give each sign and each pair of neighbours,
so that any part of a name in them is found. An emoji is a word.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import pairwise

LONGEST = 48
"""Characters of a word; longer runs, such as hashes, are no words."""
MOST_OF_ITEM = 20_000
"""Words of an image that are kept; the rest is left out."""
NAMES_KEPT = 5_000
"""Names whose words are kept in memory: most images share their folders and tags."""
_ACCENTS = re.compile("[\u0300-\u036f\u0591-\u05bd\u064b-\u065f\u0670]")
"""Of Latin, Greek and Cyrillic letters; vowel points of Hebrew and Arabic."""
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
"""Thai, Lao, Burmese, Khmer, kana, Han and Hangul."""
_SURROGATES = re.compile("[\ud800-\udfff]")
_EMOJIS = "\u2190-\u21ff\u2300-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff"
_MARKS_AMONG = range(0x300, 0x2000)
_PARTS = re.compile(
    r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=\d)(?=[^\W\d])|(?<=[^\W\d_])(?=\d)"
)
"""Where a name is split: before a capital, and between letters and digits."""
_SUFFIX = re.compile(
    r"(?<=\w)\.(?:avif|bmp|gif|hei[cf]|jfif|jp2|jpe?g|png|tiff?|webp)(?!\S)", re.IGNORECASE
)
"""Of an image file's name. It is no word of the image, and so none of a query."""
_ASCII_RUNS = re.compile("[0-9a-z]+")
_ASCII_PARTS = re.compile("[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
"""The parts of a name that has ASCII letters alone: what `_PARTS` leaves of its runs."""


def words_in(text: str) -> list[str]:
    """The words of a caption or a query, in order; each is of letters and digits, or a sign."""
    if text.isascii():  # The same in a fraction of the time.
        runs: list[str] = _ASCII_RUNS.findall(text.lower())
        return runs if len(text) <= LONGEST else [run for run in runs if len(run) <= LONGEST]
    found: list[str] = []
    for run in _runs().findall(_folded(text)):
        if len(run) > 1 and _of_unspaced().match(run):
            found.extend(run)
            found.extend(map("".join, pairwise(run)))
        elif len(run) <= LONGEST:
            found.append(run)
    return found


def asked_words(text: str) -> list[str]:
    """The words of a query, each once. Of a script without spaces, signs that have a neighbour are
    asked for in pairs alone. The suffixes of image files are left out."""
    found: dict[str, None] = {}
    for run in _runs().findall(_folded(_SUFFIX.sub(" ", text))):
        if len(run) > 1 and _of_unspaced().match(run):
            found |= dict.fromkeys(map("".join, pairwise(run)))
        elif len(run) <= LONGEST:
            found[run] = None
    return list(found)


@lru_cache(maxsize=NAMES_KEPT)
def words_in_name(name: str) -> tuple[str, ...]:
    """The words of a tag, a folder or a file name: `BeachHoliday_2024` is also its parts."""
    return tuple(_words_and_parts(name))


def _words_and_parts(name: str) -> dict[str, None]:
    if name.isascii():
        parts = " ".join(_ASCII_PARTS.findall(name))
    else:
        parts = _PARTS.sub(" ", unicodedata.normalize("NFC", name))
    return dict.fromkeys(words_in(name) + words_in(parts))


def words_of_image(captions: Sequence[str], tags: Sequence[str], path: str | None) -> list[str]:
    """All words about an image, in this order, up to MOST_OF_ITEM. path: of its file, or None
    where the name was not chosen by a person."""
    words: list[str] = []
    for caption in captions:
        words += words_in(caption)
    for tag in tags:
        words += words_in_name(tag)
    if path is not None:
        folder, _, name = path.rpartition(os.sep)
        stem, _, _ = name.rpartition(".")
        words += _words_in_folder(folder)
        words += _words_and_parts(stem if stem.strip(".") else name)
    return words[:MOST_OF_ITEM]


@lru_cache(maxsize=NAMES_KEPT)
def _words_in_folder(folder: str) -> tuple[str, ...]:
    """The words of a folder and of all folders above it."""
    names = (name for name in folder.split(os.sep) if name)
    return tuple(word for name in names for word in words_in_name(name))


def _folded(text: str) -> str:
    """Without case and accents. Lone surrogates, which no store can hold, become spaces."""
    plain = _SURROGATES.sub(" ", text)
    bare = _ACCENTS.sub("", unicodedata.normalize("NFKD", plain.casefold()))
    return unicodedata.normalize("NFC", bare.casefold())


@cache
def _runs() -> re.Pattern[str]:
    """Words: letters and digits with their marks, runs of unspaced scripts, single emojis."""
    codes = (code for code in _MARKS_AMONG if unicodedata.category(chr(code)) in ("Mn", "Mc"))
    marks = "".join(map(chr, codes))
    letter = rf"(?![{_UNSPACED}])[^\W_]"
    return re.compile(rf"[{_UNSPACED}]+|{letter}(?:{letter}|[{marks}])*|[{_EMOJIS}]")


@cache
def _of_unspaced() -> re.Pattern[str]:
    return re.compile(f"[{_UNSPACED}]")
