"""An empty store in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mmembed.store.entries import Model
from tests.temporary_postgres import postgres_store


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[Any]:
    """A store whose model has vectors of four numbers."""
    with closing(postgres_store(tmp_path)) as store:
        store.claim(Model("four", "fingerprint-of-four", 4))
        yield store
