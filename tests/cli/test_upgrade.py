"""Commands on a data folder of an earlier version."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mmembed.cli import main
from mmembed.cli.bar import Bar
from mmembed.store.sqlite.migrations import layout_in
from mmembed.store.sqlite.schema import newest

LAYOUT_1 = Path(__file__).parents[2] / "fixtures" / "layout-1" / "last"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A data folder of layout 1."""
    shutil.copytree(LAYOUT_1, tmp_path / "data")
    return tmp_path / "data"


def run(folder: Path, *arguments: object) -> int:
    return main([*map(str, arguments), "--data", str(folder)])


def test_a_command_upgrades_the_folder_and_says_so_once(
    old: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reports: list[int] = []
    monkeypatch.setattr(Bar, "_update", lambda self, done, total, failed: reports.append(done))
    assert layout_in(old / "catalog.sqlite3") == 1
    assert run(old, "remove", "/mnt/photos/food", "--dry-run") == 0
    said = capsys.readouterr()
    assert "brought to the layout of this version" in said.err
    assert "catalog.layout-1.sqlite3" in said.err
    assert "5 images" in said.out or "5 pictures" in said.out
    assert reports
    assert layout_in(old / "catalog.sqlite3") == newest()
    assert run(old, "remove", "/mnt/photos/food", "--dry-run") == 0
    assert "layout" not in capsys.readouterr().err


def test_a_backup_of_an_earlier_version_is_restored(
    tmp_path: Path, old: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path / "new", "restore", old / "catalog.sqlite3") == 0
    assert "15 images, 18 captions" in capsys.readouterr().out
    assert layout_in(tmp_path / "new" / "catalog.sqlite3") == newest()
    assert layout_in(old / "catalog.sqlite3") == 1


def test_a_folder_without_a_catalog_is_left_alone(tmp_path: Path) -> None:
    assert run(tmp_path / "none", "remove", "/mnt/photos") == 2
    assert not (tmp_path / "none").exists()
