"""Where uploads may lie, as the settings say it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmembed.config.settings import Settings
from mmembed.errors import InputError

STORE = "postgresql://db/photos"


def test_a_folder_is_the_folder_of_files(tmp_path: Path) -> None:
    settings = Settings.from_env({"MMEMBED_STORE": STORE, "MMEMBED_BLOBS": str(tmp_path / "files")})
    assert settings.files == tmp_path / "files"
    assert Settings.from_env({"MMEMBED_STORE": STORE}, data=tmp_path).files == tmp_path


def test_copies_of_an_object_store_lie_in_the_data_folder(tmp_path: Path) -> None:
    values = {"MMEMBED_STORE": STORE, "MMEMBED_BLOBS": "s3://bucket/photos"}
    assert Settings.from_env(values, data=tmp_path).files == tmp_path


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("s3://key:secret@bucket", "holds a user or a password"),
        ("s3://key@bucket", "holds a user or a password"),
        ("s3://", "expected the path of a folder, or s3://bucket/prefix"),
        ("file:///srv", "expected the path of a folder"),
        ("simplecache::s3://bucket", "expected the path of a folder"),
        ("s3://[bucket", "it is no address"),
    ],
)
def test_other_places_are_refused(place: str, reason: str) -> None:
    with pytest.raises(InputError, match=f"^MMEMBED_BLOBS.*{reason}") as refusal:
        Settings.from_env({"MMEMBED_STORE": STORE, "MMEMBED_BLOBS": place})
    assert "secret" not in str(refusal.value)


def test_a_collection_in_a_folder_has_its_files_there() -> None:
    with pytest.raises(InputError, match="the collection lies in a folder"):
        Settings.from_env({"MMEMBED_BLOBS": "s3://bucket"})
