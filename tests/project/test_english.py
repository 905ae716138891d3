"""The documents are read fast: nine sentences in ten have at most 25 words, and name a subject."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOST_WORDS = 25
SHARE = 0.9
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("**/*.md")])
_FENCE = re.compile(r"^ *(```|~~~).*?^ *\1", re.S | re.M)
_CODE = re.compile(r"``.*?``|`[^`]*`", re.S)
_LINK = re.compile(r"!?\[([^]]*)\]\([^)]*\)")
_COMMENT = re.compile(r"<!--.*?-->", re.S)
_ITEM = re.compile(r"([-*+]|\d+\.) ")
_END = re.compile(r"(?<=[.!?])[)»”\"*]*\s+")
_ABBREVIATION = re.compile(r"\b(e\.g|i\.e|etc|vs|cf|No)\.")
_PRONOUN = (
    r"(one|none|those)( (that|which|who|whose|is|are|was|were|has|have|had|may|can|must|does|do|"
    r"goes|says|in|on|at|by|for|from|to|with|without)\b|,)"
)
_NO_SUBJECT = re.compile(rf"[(«“*]*((who|whoever|what|whatever)\b|{_PRONOUN})(?!.*\?$)", re.I)


def blocks(text: str) -> Iterator[str]:
    """Paragraphs, list items and table cells as plain text; code is left out, and code within a
    sentence counts as a word."""
    plain = _LINK.sub(r"\1", _CODE.sub("CODE", _COMMENT.sub("", _FENCE.sub("", text))))
    paragraph: list[str] = []
    for line in [*plain.splitlines(), ""]:
        stripped = line.strip().lstrip(">").strip()
        if stripped.startswith("|"):
            yield from (cell.strip() for cell in stripped.strip("|").split("|"))
        elif not stripped or stripped.startswith("#") or _ITEM.match(stripped):
            yield " ".join(paragraph)
            paragraph = [_ITEM.sub("", stripped, count=1)] if stripped[:1] not in "#" else []
        else:
            paragraph.append(stripped)


def sentences(text: str) -> Iterator[str]:
    """Sentences of two words or more. A semicolon or a colon ends none: the reader goes on."""
    for block in blocks(text):
        for sentence in _END.split(_ABBREVIATION.sub(r"\1", block)):
            if words(sentence) > 1:
                yield sentence


def words(sentence: str) -> int:
    return sum(any(c.isalnum() for c in word) for word in sentence.split())


def ninth_of_ten(lengths: list[int]) -> int:
    """The ninetieth percentile; 0 of nothing."""
    rising = sorted(lengths)
    return rising[min(len(rising) - 1, int(SHARE * len(rising)))] if rising else 0


def test_what_is_a_sentence() -> None:
    text = "# A title\nOne two three. `Four` `five six`\nseven!\n- an item\n\n| a cell here | b |\n"
    assert [*sentences(text)] == ["One two three.", "CODE CODE seven!", "an item", "a cell here"]
    assert [words(s) for s in sentences("a " * 30 + "end.")] == [31]
    assert ninth_of_ten([*range(1, 11)]) == 10


@pytest.mark.parametrize(
    ("sentence", "refused"),
    [
        ("What is damaged is named.", True),
        ("Those that are left go.", True),
        ("One without a name fails.", True),
        ("What is it?", False),
        ("One picture fails.", False),
        ("Models go.", False),
    ],
)
def test_what_names_no_subject(sentence: str, refused: bool) -> None:
    assert bool(_NO_SUBJECT.match(sentence)) is refused


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_sentences_are_short(page: Path) -> None:
    found = [*sentences(page.read_text("utf-8"))]
    at = ninth_of_ten([words(sentence) for sentence in found])
    long = "\n".join(sentence for sentence in found if words(sentence) > MOST_WORDS)
    assert at <= MOST_WORDS, f"{page.name}: {at} words; shorten some of:\n{long}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_sentences_name_their_subject(page: Path) -> None:
    nameless = [s for s in sentences(page.read_text("utf-8")) if _NO_SUBJECT.match(s)]
    assert not nameless, f"{page.name}: name the subject of:\n" + "\n".join(nameless)
