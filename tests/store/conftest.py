"""A snapshot, and a note of which views were read anew or got cells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mmembed.store.vectors import VectorView
from tests.store.vectors.clustered import Vectors, clustered, view_of


@pytest.fixture
def rebuilt(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The kinds of the views that were rebuilt, or got cells, in this test."""
    kinds: list[str] = []

    def noted(real: Callable[..., None]) -> Callable[..., None]:
        def rebuild(view: VectorView, *arguments: Any, **named: Any) -> None:
            kinds.append(view.kind)
            real(view, *arguments, **named)

        return rebuild

    monkeypatch.setattr(VectorView, "rebuild", noted(VectorView.rebuild))
    monkeypatch.setattr(VectorView, "build", noted(VectorView.build))
    return kinds


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> VectorView:
    """A small view that was saved; what is done to copies of its file is up to the test."""
    path = tmp_path_factory.mktemp("saved") / "images.usearch"
    view = view_of(clustered(60), path=str(path), cells=True)
    view.save("collection", "fingerprint", lambda seq: "mark")
    return view


@pytest.fixture(scope="module")
def many() -> Vectors:
    return clustered(5000)
