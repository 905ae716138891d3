"""Uploaded pictures are kept under their content, whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mmembed.errors import StoreError
from mmembed.store import uploads


def test_an_upload_that_was_cut_short_is_written_again(tmp_path: Path) -> None:
    path = uploads.keep(tmp_path, "ab" * 32, ".png", b"whole")
    path.write_bytes(b"wh")
    assert uploads.keep(tmp_path, "ab" * 32, ".png", b"whole") == path
    assert path.read_bytes() == b"whole"
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_an_upload_that_cannot_be_kept_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="cannot be kept: No space left"):
        uploads.keep(tmp_path, "ab" * 32, ".png", b"whole")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
