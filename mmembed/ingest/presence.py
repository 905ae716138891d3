"""Tells a file that is gone from one that cannot be reached now."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field

from mmembed.ingest.scan_result import ancestors
from mmembed.places import is_address, is_file
from mmembed.store.entries import Known, signed
from mmembed.store.protocol import Store


def is_gone(path: str) -> bool:
    """Whether there is no file, folder or link at a path. A folder that cannot be entered, or a
    disk that fails, hides its files: these are not gone. Addresses are not asked."""
    if is_address(path):
        return False
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def may_be_there(path: str, device: int | None) -> bool:
    """Whether a file is there, or its disk is not mounted: then the rest of its path is on another
    device. device: on which the file was, as in a Mark."""
    if not is_file(path) or not is_gone(path):  # addresses are not asked
        return True
    folder = os.path.dirname(path)
    if device is None:
        return False
    with suppress(OSError), os.scandir(folder) as neighbours:
        if any(neighbours):
            return False  # its disk is there; devices are renumbered at times
    above = next((ancestor for ancestor in ancestors(folder) if os.path.isdir(ancestor)), os.sep)
    return signed(os.stat(above).st_dev) != device


@dataclass
class LostFiles:
    """Finds known images whose files are gone, by the content that they had."""

    store: Store
    _found: set[int] = field(default_factory=set)

    def find(self, sha256: str) -> Known | None:
        """An image of this content without a file, each once; None if there is none."""
        for image in self.store.images_of(sha256):
            if image.item_id in self._found or not is_file(image.path) or not is_gone(image.path):
                continue
            known = self.store.known_among([image.path]).get(image.path)  # of uploads, none
            if known is None or may_be_there(image.path, known.mark and known.mark[0]):
                continue
            self._found.add(image.item_id)
            return known
        return None
