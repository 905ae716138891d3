"""Documents, docstrings and comments are read fast: nine sentences in ten have at most 25 words,
and every sentence names its subject."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.project.sources import FILES, nodes_of, source_of

ROOT = Path(__file__).parents[2]
MOST_WORDS = 25
SHARE = 0.9
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("**/*.md")])
_FENCE = re.compile(r"^ *(```|~~~).*?^ *\1", re.S | re.M)
_CODE = re.compile(r"``.*?``|`[^`]*`", re.S)
_LINK = re.compile(r"!?\[([^]]*)\]\([^)]*\)")
_COMMENT = re.compile(r"<!--.*?-->", re.S)
_ITEM = re.compile(r"([-*+]|\d+\.) ")
_BLOCK_COMMENT = re.compile(r"/\*\*?(.*?)\*/", re.S)
_LINE_COMMENT = re.compile(r"(?:^|\s)// ?(.*)$", re.M)
_END = re.compile(r"(?<=[.!?])[)»”\"*]*\s+")
_NO_PROSE = re.compile(r"# *((type|noqa|fmt|pragma|ruff|mypy)\b|--)")
_ABBREVIATION = re.compile(r"\b(e\.g|i\.e|etc|vs|cf|No)\.")
_PRONOUN = (
    r"(one|none|those)( (that|which|who|whose|is|are|was|were|has|have|had|may|can|must|does|do|"
    r"goes|says|in|on|at|by|for|from|to|with|without)\b|,)"
)
_NO_SUBJECT = re.compile(rf"[(«“*]*((who|whoever|what|whatever)\b|{_PRONOUN})(?!.*\?$)", re.I)


WEB = sorted(path for kind in ("js", "css") for path in (ROOT / "web").glob(f"**/*.{kind}"))


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


def prose(source: str, nodes: Iterable[ast.AST]) -> str:
    """The docstrings of a module, those of attributes among them, and its comments, as paragraphs.

    Indented drawings are left out. Comments on adjacent lines are one paragraph.
    """
    return "\n\n".join([*_docstrings(nodes), *_comments(source)])


def _docstrings(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        match node:
            case ast.Expr(value=ast.Constant(value=str(text)), col_offset=indent):
                first, *others = text.splitlines()
                lines = [first, *(line[indent:] for line in others)]
                yield "\n".join("" if line.startswith("    ") else line for line in lines)


def _comments(source: str) -> Iterator[str]:
    last = -1
    paragraph: list[str] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT or _NO_PROSE.match(token.string):
            continue
        alone = token.line.strip() == token.string
        if token.start[0] != last + 1 or not alone:
            yield " ".join(paragraph)
            paragraph = []
        paragraph.append(token.string.lstrip("# "))
        last = token.start[0] if alone else -1
    yield " ".join(paragraph)


def page_prose(source: str) -> str:
    """The comments of a script or style sheet, as paragraphs; types of JSDoc are left out."""
    found = [re.sub(r"^\s*\*", "", block, flags=re.M) for block in _BLOCK_COMMENT.findall(source)]
    return "\n\n".join(
        [*(text for text in found if "@" not in text), *_LINE_COMMENT.findall(source)]
    )


def long_ones(text: str) -> list[str]:
    """The sentences over the limit; none where nine in ten keep it."""
    all_sentences = [*sentences(text)]
    if ninth_of_ten([words(sentence) for sentence in all_sentences]) <= MOST_WORDS:
        return []
    return [sentence for sentence in all_sentences if words(sentence) > MOST_WORDS]


def nameless(text: str) -> list[str]:
    """The sentences whose subject is a pronoun."""
    return [sentence for sentence in sentences(text) if _NO_SUBJECT.match(sentence)]


def test_prose_of_a_module() -> None:
    source = '''"""A module.

    a → drawing
"""
x = 1  # why
# A comment
# of two lines.
y = 2  # type: ignore[misc]
"""An attribute."""
'''
    assert [*sentences(prose(source, ast.walk(ast.parse(source))))] == [
        "A module.",
        "An attribute.",
        "A comment of two lines.",
    ]


def test_prose_of_the_page() -> None:
    source = "/** What is\n * kept. */\nlet a = 'http://b'; // why\n/** @type {x} */\n"
    assert [*sentences(page_prose(source))] == ["What is kept."]
    assert nameless(page_prose(source))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_documents(page: Path) -> None:
    text = page.read_text("utf-8")
    assert not long_ones(text), "shorten some of these sentences"
    assert not nameless(text), "name the subjects of these sentences"


@pytest.mark.parametrize("source", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_docstrings_and_comments(source: Path) -> None:
    text = prose(source_of(source), nodes_of(source))
    assert not long_ones(text), "shorten some of these sentences"
    assert not nameless(text), "name the subjects of these sentences"


@pytest.mark.parametrize("source", WEB, ids=lambda path: str(path.relative_to(ROOT)))
def test_comments_of_the_page(source: Path) -> None:
    text = page_prose(source.read_text("utf-8"))
    assert not long_ones(text), "shorten some of these sentences"
    assert not nameless(text), "name the subjects of these sentences"
