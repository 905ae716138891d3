"""The recall of a collection's index."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmembed.collection.collection import Collection
from mmembed.config.settings import Settings
from mmembed.errors import InputError
from mmembed.eval import measure_index
from mmembed.store.vectors.cells import Cells
from mmembed.store.vectors.rescoring import Ids
from tests.conftest import Index, MakePicture


@pytest.mark.slow
def test_a_small_collections_index_is_measured_though_exact_search_is_used(
    index: Index, picture: MakePicture, photos: Path, tmp_path: Path
) -> None:
    for seed in range(1, 31):
        picture(f"{seed}.png", "red", seed=seed).with_suffix(".txt").write_text(f"red {seed}")
    index()
    settings = Settings.from_env({}, data=tmp_path / "data")
    report = measure_index(settings, k=5, queries=20)
    asked = [(one.searched, one.queries_are) for one in report.results]
    assert asked == [
        ("image", "image"), ("image", "caption"), ("caption", "image"), ("caption", "caption"),
    ]  # fmt: skip
    for one in report.results:
        assert (one.recall.value, one.in_use, one.queries) == (1, "exact", 20)
        assert 0 < one.exact.p50_ms <= one.exact.p95_ms
        assert 0 < one.approximate.p50_ms <= one.approximate.p95_ms
    large = Settings.from_env({}, data=tmp_path / "data", exact_limit=10)
    assert {one.in_use for one in measure_index(large, k=5).results} == {"exact"}  # no cells yet
    with Collection(large) as collection:
        collection.rebuild()
    assert {one.in_use for one in measure_index(large, k=5).results} == {"cells"}
    with pytest.raises(InputError, match="30 images, 30 captions, too few for recall@40"):
        measure_index(settings, k=40)


def test_there_is_no_index_without_a_collection(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no collection"):
        measure_index(Settings.from_env({}, data=tmp_path))


@pytest.mark.slow
def test_an_index_that_misses_is_found_out(
    index: Index, picture: MakePicture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An index that finds every second vector has about half the recall: a query is one of them or
    not. Exact search has all."""
    for seed in range(1, 31):
        picture(f"{seed}.png", "red", seed=seed)
    index()
    whole = Cells.answered

    def half(
        self: Cells, query: Any, count: int, finish: Callable[[Ids], Any], *passing: Any
    ) -> Any:
        return whole(self, query, count, lambda ids: finish(np.sort(ids)[1::2]), *passing)

    monkeypatch.setattr(Cells, "answered", half)
    report = measure_index(Settings.from_env({}, data=tmp_path / "data"), k=10)
    assert 0.3 < report.results[0].recall.value < 0.7
