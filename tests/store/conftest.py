"""A snapshot, and a note of which views were rebuilt."""

from __future__ import annotations

from typing import Any

import pytest

from mmembed.store.vectors import VectorView
from tests.store.vectors.clustered import Vectors, clustered, view_of


@pytest.fixture
def rebuilt(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The kinds of the views that were rebuilt in this test."""
    kinds: list[str] = []
    real = VectorView.rebuild

    def rebuild(view: VectorView, *arguments: Any, **named: Any) -> None:
        kinds.append(view.kind)
        real(view, *arguments, **named)

    monkeypatch.setattr(VectorView, "rebuild", rebuild)
    return kinds


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> VectorView:
    """A small view that was saved; what is done to copies of its file is up to the test."""
    path = tmp_path_factory.mktemp("saved") / "images.usearch"
    view = view_of(clustered(60), path=str(path), graph=True)
    view.save("collection", "fingerprint", "mark")
    return view


@pytest.fixture(scope="module")
def many() -> Vectors:
    return clustered(5000)
