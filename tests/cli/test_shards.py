"""`mmembed shards`: what it refuses before it asks a database."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmembed.cli import main


def test_a_folder_is_not_spread(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MMEMBED_STORE", raising=False)
    folder = ["--data", str(tmp_path / "data")]
    assert main(["shards", "add", "postgresql://ann:s3cret@h/d", *folder]) == 2
    assert "--store" in (said := capsys.readouterr().err)
    assert "s3cret" not in said
    assert main(["shards", "add", "s3cret.example", "--store", "postgresql://h/d", *folder]) == 2
    assert "postgresql://" in (said := capsys.readouterr().err)
    assert "s3cret" not in said
