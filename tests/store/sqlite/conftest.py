"""Folders of layout 1, and catalogs that are closed at the end."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mmembed.store.sqlite import Catalog
from tests.store.sqlite.old_layouts import LAYOUT_1, MakeFolder


@pytest.fixture
def old(tmp_path: Path) -> MakeFolder:
    """`old("first")`: a data folder of layout 1."""

    def make(form: str = "last", name: str = "data") -> Path:
        shutil.copytree(LAYOUT_1 / form, tmp_path / name)
        return tmp_path / name

    return make


@pytest.fixture
def opened() -> Iterator[Callable[[Path], Catalog]]:
    """Opens the catalog of a folder; all are closed at the end."""
    catalogs: list[Catalog] = []

    def open_one(folder: Path) -> Catalog:
        catalogs.append(Catalog(folder))
        return catalogs[-1]

    yield open_one
    for catalog in catalogs:
        catalog.close()
