"""What other users of the machine can read, and lock: nothing in a folder that we made."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmembed.errors import StoreError
from mmembed.store.sqlite.lock_files import INDEX_LOCK, VIEWS_LOCK, WRITE_LOCK, exclusive
from tests.conftest import Index, MakePicture, OpenCollection


@pytest.fixture(autouse=True)
def _lax() -> Iterator[None]:
    """The mask of most systems, under which files can be read by all."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_data_folder_is_its_owners_alone(
    open_collection: OpenCollection, tmp_path: Path, picture: MakePicture
) -> None:
    open_collection()
    assert mode_of(tmp_path / "data") == 0o700


def test_a_folder_that_was_there_stays_as_it_was(
    open_collection: OpenCollection, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir(mode=0o750)
    open_collection()
    assert mode_of(tmp_path / "data") == 0o750


@pytest.mark.parametrize("before", [None, 0o644, 0o666, 0o660])
@pytest.mark.parametrize("name", [WRITE_LOCK, INDEX_LOCK, VIEWS_LOCK])
def test_nobody_else_can_hold_a_lock(tmp_path: Path, name: str, before: int | None) -> None:
    """Reading a file is enough to lock it."""
    path = tmp_path / name
    if before is not None:
        path.touch()
        path.chmod(before)
    with exclusive(path, purpose="testing", wait_s=0):
        assert mode_of(path) == 0o600
    assert mode_of(path) == 0o600


def test_every_lock_of_a_collection_is_private(
    index: Index, picture: MakePicture, tmp_path: Path
) -> None:
    picture()
    index()
    locks = list((tmp_path / "data").glob("*.lock"))
    assert len(locks) >= 2
    assert {mode_of(path) for path in locks} == {0o600}


def test_a_link_in_the_place_of_a_lock_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("somebody's")
    (tmp_path / WRITE_LOCK).symlink_to(tmp_path / "elsewhere")
    with (
        pytest.raises(StoreError, match=r"catalog\.lock: cannot be locked"),
        exclusive(tmp_path / WRITE_LOCK, purpose="testing", wait_s=0),
    ):
        pass
    assert (tmp_path / "elsewhere").read_text() == "somebody's"
