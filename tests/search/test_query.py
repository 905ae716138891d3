"""Weighted terms become one direction, or a sentence that says what is wrong."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from mmembed.errors import ModelError, NotFound, QueryError
from mmembed.search.composition import Composition, backgrounds
from mmembed.search.query import term_embeddings
from mmembed.types import Embeddings, Term

AXES = np.eye(4, dtype=np.float32)
WORDS = {"x": AXES[0], "y": AXES[1], "minus x": -AXES[0], "broken": AXES[0] * np.nan}


def embed(*terms: Term) -> list[float]:
    def embed_texts(texts: Sequence[str]) -> Embeddings:
        rows: Embeddings = np.stack([WORDS[text] for text in texts])
        return rows

    def embedding_of(item_id: int) -> Embeddings:
        if item_id == 404:
            raise NotFound("item 404: no such item")
        row: Embeddings = AXES[3]
        return row

    rows = term_embeddings(
        terms, embed_texts=embed_texts, embed_image=lambda _: AXES[2], embedding_of=embedding_of
    )
    weights = tuple(term.weight for term in terms)
    composition = Composition(rows, weights, backgrounds(rows, np.empty((0, 4), np.float32)))
    row = composition.direction()
    assert row.dtype == np.float32
    assert np.linalg.norm(row) == pytest.approx(1)
    assert composition.vector() == pytest.approx(row)  # without a sample nothing is standardised
    rounded: list[float] = np.round(row.astype(np.float64), 4).tolist()
    return rounded


def test_one_term_is_its_own_embedding() -> None:
    assert embed(Term(text="x")) == [1, 0, 0, 0]
    assert embed(Term(image=b"bytes")) == [0, 0, 1, 0]
    assert embed(Term(item=7)) == [0, 0, 0, 1]


def test_terms_are_added_by_weight() -> None:
    assert embed(Term(text="x", weight=3), Term(text="y", weight=4)) == [0.6, 0.8, 0, 0]
    assert embed(Term(text="x"), Term(image=b"bytes")) == [0.7071, 0, 0.7071, 0]
    assert embed(Term(text="x"), Term(text="y"), Term(text="x")) == [0.8944, 0.4472, 0, 0]


def test_a_negative_weight_leads_away() -> None:
    assert embed(Term(text="x", weight=-2)) == [-1, 0, 0, 0]
    assert embed(Term(text="x"), Term(text="y", weight=-1)) == [0.7071, -0.7071, 0, 0]


@pytest.mark.parametrize("weight", [1e308, 1e-308, 5e-324, -1e300, 1e-7])
def test_only_the_proportion_of_weights_counts(weight: float) -> None:
    sign = 1.0 if weight > 0 else -1.0
    assert embed(Term(text="x", weight=weight)) == [sign, 0, 0, 0]
    both = embed(Term(text="x", weight=weight), Term(text="y", weight=weight))
    assert both == [sign * 0.7071, sign * 0.7071, 0, 0]


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ([], "the query is empty"),
        ([Term()], r"query\[0\]: expected exactly one"),
        ([Term(text="x"), Term(text="x", item=1)], r"query\[1\]: expected exactly one"),
        ([Term(text=" \n")], r"query\[0\]: the text is empty"),
        ([Term(text="x", weight=0)], "weight 0 is not"),
        ([Term(text="x", weight=float("nan"))], "weight nan is not"),
        ([Term(text="x", weight=float("inf"))], "weight inf is not"),
        ([Term(text="x"), Term(text="minus x")], "cancel out"),
        ([Term(text="x", weight=5e-8), Term(text="x", weight=-5e-8)], "cancel out"),
    ],
)
def test_a_query_that_makes_no_sense_says_why(terms: list[Term], message: str) -> None:
    with pytest.raises(QueryError, match=message):
        embed(*terms)


def test_an_unknown_item_is_not_found() -> None:
    with pytest.raises(NotFound):
        embed(Term(item=404))


def test_a_model_that_gives_no_number_is_blamed() -> None:
    with pytest.raises(ModelError, match="no finite vector"):
        embed(Term(text="broken"))
