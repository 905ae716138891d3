"""The files of pictures to keep: nothing is moved for the sake of a file that is not there."""

from __future__ import annotations

from mmembed.errors import InputError
from mmembed.explore.duplicates.move_files import check_content, is_one_file
from mmembed.places import is_file
from mmembed.store.protocol import Store
from mmembed.types import Item


class KeptFiles:
    """Looks at the files of pictures to keep, and reads each once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._read: dict[int, str] = {}
        """Files that have the indexed content, by item."""

    def check(self, kept: Item, spare: Item) -> None:
        """Raises InputError unless both are files of this machine, and not the same one. The kept
        one must have the content that was indexed, too. Raises OSError for a spare one that is
        gone."""
        path = spare.path or ""
        if not is_file(path):
            raise InputError(f"{path}: stays, for it is no file of this machine")
        try:
            file = self._file_of(kept)
        except OSError:
            raise InputError(
                f"{path}: stays, for the picture to keep, {kept.path}, is no file"
            ) from None
        except InputError as error:
            raise InputError(f"{path}: stays, for of the picture to keep, {error}") from None
        if is_one_file(file, path):
            raise InputError(f"{path}: stays, for it is the file {kept.path} itself, by a link")

    def _file_of(self, kept: Item) -> str:
        if kept.id not in self._read:
            file = self._store.blobs.local_path(kept.path or "", kept.sha256)
            check_content(file, kept.sha256)
            self._read[kept.id] = file
        return self._read[kept.id]
