"""The files of a collection in a database: in a folder, or in an object store."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from mmembed.config.settings import FOLDER_MARKS
from mmembed.errors import StoreError
from mmembed.files import PRIVATE
from mmembed.store.blob_protocol import Blobs
from mmembed.store.blobs import FolderBlobs
from mmembed.store.orphan_files import FilesOwner


class IdentifiedOwner(FilesOwner, Protocol):
    """A store that has files."""

    @property
    def identity(self) -> str:
        """See Store.identity."""


def blobs_of(owner: IdentifiedOwner, objects: str) -> Blobs:
    """The files of a store. objects: address of the object store that holds them; empty for its
    folder."""
    if not objects:
        return FolderBlobs(owner)
    from mmembed.store.object_blobs import ObjectBlobs  # its library takes time to load

    return ObjectBlobs(owner, f"{objects.rstrip('/')}/{_own_folder(owner.identity)}")


def folder_of_files(data: Path, identity: str, name: str) -> Path:
    """The folder of the files of a collection: no two collections share one, since each deletes
    what none of its items needs."""
    folder = data / _own_folder(identity)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / FOLDER_MARKS[1]).touch(mode=PRIVATE)
    except OSError as error:
        raise StoreError(
            f"{folder}: the folder for uploads and thumbnails of {name} cannot be made: "
            f"{error.strerror}; choose another one with --data"
        ) from error
    return folder


def _own_folder(identity: str) -> str:
    return f"database-{identity[:16]}"
