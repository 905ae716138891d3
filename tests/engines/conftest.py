"""A model for the engines to run."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The id of a small random model."""
    from tests.random_models import OPENAI, SMALL, save_random  # with torch, which takes seconds

    return save_random(tmp_path_factory.mktemp("engines") / "small", SMALL, OPENAI)
