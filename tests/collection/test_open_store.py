"""The store that the settings name."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

import pytest

import mmembed.store
from mmembed.collection.open_store import open_store
from mmembed.config.settings import Settings
from mmembed.errors import InputError
from mmembed.store.folder_store import FolderStore


def test_a_folder_holds_the_collection_unless_a_database_is_named(tmp_path: Path) -> None:
    with closing(open_store(Settings.from_env({}, data=tmp_path / "data"))) as store:
        assert isinstance(store, FolderStore)
        assert store.name == str(tmp_path / "data")


def test_a_missing_library_is_named_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A second import sets the attribute of the package, too; other tests need the first one back.
    monkeypatch.setattr(mmembed.store, "postgres", None, raising=False)
    for name in [name for name in sys.modules if name.startswith("mmembed.store.postgres")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    settings = Settings.from_env({}, data=tmp_path, store="postgresql://ann:s3cret@h/d")
    with pytest.raises(InputError, match=r"pip install 'mmembed\[postgres\]'") as raised:
        open_store(settings)
    assert "s3cret" not in str(raised.value)
    assert list(tmp_path.iterdir()) == []
