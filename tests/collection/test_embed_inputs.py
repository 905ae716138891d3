"""From a request's inputs to embeddings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mmembed.collection.collection import Collection
from mmembed.collection.embed_inputs import Input, Part, Wishes, cut
from mmembed.errors import LimitError, NotFound, QueryError
from mmembed.types import Failure
from tests.serving import open_collection

ROW = np.array([0.6, 0.0, 0.8], np.float32)


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[Collection]:
    with open_collection(tmp_path / "data") as opened:
        yield opened


def words(*texts: str, weight: float = 1.0) -> Input:
    parts = [Part(f"input.content[{i}]", text, weight=weight) for i, text in enumerate(texts)]
    return Input("input", tuple(parts))


def test_cut_is_normalised_again() -> None:
    np.testing.assert_allclose(cut(ROW, 2), [1, 0])
    assert cut(ROW, None) is ROW
    assert cut(ROW, len(ROW)) is ROW


def test_parts_become_one_embedding(collection: Collection) -> None:
    both, red, blue = collection.embed(
        [words("red", "blue"), words("red"), words("blue")], Wishes()
    ).rows
    assert not isinstance(both, Failure)
    assert not isinstance(red, Failure)
    assert not isinstance(blue, Failure)
    mean = red + blue
    np.testing.assert_allclose(both, mean / np.linalg.norm(mean), atol=1e-6)


def test_parts_that_cancel_out(collection: Collection) -> None:
    one = Input("input[0]", (Part("a", "red"), Part("b", "red", weight=-1.0)))
    with pytest.raises(QueryError, match=r"input\[0\]: its parts cancel out"):
        collection.embed([one], Wishes())
    bad, good = collection.embed([one, words("red")], Wishes(item_errors=True)).rows
    assert isinstance(bad, Failure)
    assert (bad.name, bad.code) == ("input[0]", "QueryError")
    assert not isinstance(good, Failure)


def test_the_first_failure_in_order_is_raised(collection: Collection) -> None:
    long = "word " * 200
    failed = Failure("input[1]", "ImageError", "input[1]: torn")
    with pytest.raises(LimitError, match=r"input.content\[0\]: 206 tokens, limit 77"):
        collection.embed([words(long), failed], Wishes(truncate="NONE"))


def test_a_model_that_is_not_served(collection: Collection) -> None:
    with pytest.raises(NotFound, match="'other' is not served here"):
        collection.embed([words("red")], Wishes(), model="other")
