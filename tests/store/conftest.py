"""Notes which views were rebuilt."""

from __future__ import annotations

from typing import Any

import pytest

from mmembed.store.vectors import VectorView


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
