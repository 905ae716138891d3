"""`mmembed search` says where nothing fits, and where it is not sure."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from mmembed.cli import search
from mmembed.config.settings import Settings
from mmembed.errors import QueryError
from mmembed.types import Hit, Item, Match, SearchPage

HIT = Hit(Item(id=1, kind="image", sha256="", path="/a.png"), 0.3, 0.98, fits=0.98)


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Runs the command on an answer of that match."""

    def run(match: Match | None, *arguments: str, hits: tuple[Hit, ...] = (HIT,)) -> int:
        page = SearchPage(hits, None, (), match=match)
        monkeypatch.setattr(search, "_of_service", lambda *_: (page, "fake"))
        monkeypatch.setattr(search, "check_exists", lambda _: None)
        parser = argparse.ArgumentParser()
        search.add_arguments(parser)
        settings = Settings.from_env({}, data=tmp_path)
        return search.run(settings, parser.parse_args(arguments))

    return run


@pytest.mark.parametrize(
    ("match", "said"),
    [
        ("no", "nothing here fits “a missile”; the nearest are:\n"),
        ("unsure", "the nearest to “a missile”, which may or may not be here:\n"),
        ("yes", ""),
        (None, ""),
    ],
)
def test_the_match_is_said_beside_the_table(
    answered: Any, capsys: pytest.CaptureFixture[str], match: Match | None, said: str
) -> None:
    assert answered(match, "a missile") == 0
    printed = capsys.readouterr()
    assert printed.err == said
    assert "/a.png" in printed.out


def test_json_has_the_figures(answered: Any, capsys: pytest.CaptureFixture[str]) -> None:
    answered("no", "--item", "1", "--json")
    printed = capsys.readouterr()
    body = json.loads(printed.out)
    assert (body["match"], printed.err) == ("no", "")
    assert (body["hits"][0]["fits"], body["hits"][0]["relevance"]) == (0.98, 0.98)


def test_a_bound_that_is_no_part_of_one_is_refused(answered: Any) -> None:
    with pytest.raises(QueryError, match=r"--min-relevance 1\.5: expected 0 to 1"):
        answered("yes", "red", "--min-relevance", "1.5")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--item", "3"], "nothing here fits item 3; the nearest are:\n"),
        (["--like", "a.png"], "nothing here fits this picture; the nearest are:\n"),
        (["--with", "a missile"], "nothing here fits “a missile”; the nearest are:\n"),
    ],
)
def test_a_doubt_names_what_was_asked(
    answered: Any, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    answered("no", *arguments)
    assert capsys.readouterr().err == said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "{data} holds no images"),
        (["--mode", "words", "--tag", "x"],
         "no caption, tag or name of the images with the tag x in {data} has any of these words; "
         "leave --mode out to look at the pictures, too"),
        (["--without", "red", "--strategy", "exclude"],
         "{data} holds no images that are far from what is excluded"),
    ],
)  # fmt: skip
def test_a_search_in_vain_says_what_it_looked_at(
    answered: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path,
    arguments: list[str], said: str,
) -> None:  # fmt: skip
    answered(None, "red", *arguments, hits=())
    assert capsys.readouterr().err == f"nothing found: {said.format(data=tmp_path)}\n"


def test_escape_characters_do_not_reach_the_terminal(
    answered: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    answered("no", "a \x1b[31mred\x1b[0m car")
    answered(None, "red", "--tag", "\x1b[2J", hits=())
    printed = capsys.readouterr().err
    assert "nothing here fits “a \\x1b[31mred\\x1b[0m car”" in printed
    assert "\x1b" not in printed
