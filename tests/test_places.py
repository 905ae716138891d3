"""Paths, addresses, and members of tars."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mmembed.places import absolute, is_address, is_file, place_of, tar_of


def test_addresses_stay_as_they_are_and_paths_become_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert place_of("s3://bucket/a//b.jpg") == "s3://bucket/a//b.jpg"
    assert place_of("photos") == Path("photos")
    assert absolute("s3://bucket/photos/") == "s3://bucket/photos"
    assert absolute("https://host/a/?x=1/") == "https://host/a/?x=1/"
    assert absolute(Path("a/../b.jpg")) == str(tmp_path / "b.jpg")
    assert not is_address("/photos/s3://bucket")
    assert not is_address("C:/photos")


def test_names_in_a_manifest_belong_to_its_folder() -> None:
    assert absolute("a.jpg", "/photos") == "/photos/a.jpg"
    assert absolute("../x/a.jpg", "s3://bucket/lists/new") == "s3://bucket/lists/x/a.jpg"
    assert absolute("../../a.jpg", "s3://bucket/lists") == "s3://bucket/a.jpg", "never above it"
    assert absolute("s3://other/a.jpg", "/photos") == "s3://other/a.jpg"
    assert absolute("/b.jpg", "/photos") == "/b.jpg"


def test_a_tar_is_told_from_a_folder_of_its_name(tmp_path: Path) -> None:
    folder, tar = tmp_path / "a.tar", tmp_path / "a.tar" / "b.tar"
    folder.mkdir()
    tar.touch()
    assert tar_of(str(folder / "x.jpg")) is None
    assert tar_of(os.path.join(tar, "y", "x.jpg")) == str(tar)
    assert tar_of("s3://bucket/c.TAR/x.jpg") == "s3://bucket/c.TAR"
    assert tar_of("https://host/a/c.tar/x.jpg") == "https://host/a/c.tar"
    assert tar_of("https://host.tar/x.jpg") is None
    assert [is_file(path) for path in (str(folder / "x.jpg"), f"{tar}/x.jpg", "s3://b/x.jpg")] == [
        True,
        False,
        False,
    ]
