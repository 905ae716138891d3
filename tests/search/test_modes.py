"""The mode of a query."""

from __future__ import annotations

import pytest

from mmembed.errors import QueryError
from mmembed.search.modes import mode_of, words_of
from mmembed.types import STRATEGIES, Kind, SearchMode, Strategy, Term

DOG, NOT_CAT = Term(text="a dog"), Term(text="cat", weight=-1)
PICTURE, ITEM = Term(image=b"x"), Term(item=1)


@pytest.mark.parametrize(
    ("terms", "kind", "wanted", "mode"),
    [
        ([DOG], "image", None, "hybrid"),
        ([DOG, DOG], "image", None, "hybrid"),
        ([DOG], "caption", None, "picture"),
        ([PICTURE], "image", None, "picture"),
        ([ITEM], "image", None, "picture"),
        ([DOG, PICTURE], "image", None, "hybrid"),
        ([DOG, NOT_CAT], "image", None, "hybrid"),
        ([PICTURE, NOT_CAT], "image", None, "picture"),
        ([NOT_CAT], "image", None, "picture"),
        ([DOG, Term(item=1, weight=-1)], "image", None, "picture"),
        ([DOG, Term(item=1, weight=-1)], "image", "hybrid", "hybrid"),
        ([DOG], "image", "picture", "picture"),
        ([DOG], "image", "words", "words"),
        ([DOG, PICTURE], "image", "hybrid", "hybrid"),
    ],
)
def test_words_find_images_by_all_that_is_known(
    terms: list[Term], kind: Kind, wanted: SearchMode | None, mode: SearchMode
) -> None:
    assert mode_of(terms, kind, "sum", wanted) == mode


@pytest.mark.parametrize(
    ("terms", "kind", "wanted", "message"),
    [
        ([DOG], "caption", "words", "finds images; use picture"),
        ([PICTURE], "image", "hybrid", "needs words"),
        ([NOT_CAT], "image", "words", "needs words"),
        ([DOG], "image", "all", "is none of hybrid, picture, words"),
    ],
)
def test_other_modes_are_refused(
    terms: list[Term], kind: Kind, wanted: SearchMode, message: str
) -> None:
    with pytest.raises(QueryError, match=message):
        mode_of(terms, kind, "sum", wanted)


def test_the_words_are_those_that_are_looked_for() -> None:
    assert words_of([DOG, NOT_CAT, PICTURE, Term(text="beach", weight=0.5)]) == "a dog beach"


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_each_strategy_looks_at_all_that_is_known(strategy: Strategy) -> None:
    assert mode_of([DOG, NOT_CAT], "image", strategy, None) == "hybrid"
    assert mode_of([PICTURE, NOT_CAT], "image", strategy, None) == "picture"


def test_words_alone_have_no_best_term() -> None:
    assert mode_of([DOG, NOT_CAT], "image", "exclude", "words") == "words"
    with pytest.raises(QueryError, match="use strategy sum or exclude"):
        mode_of([DOG, DOG], "image", "best", "words")
