"""A cache of the lists of tars: reading one means reading the whole tar where its files are small.
It may be deleted at any time."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from contextlib import suppress
from pathlib import Path

from mmembed import files
from mmembed.sources.tars import Member, TarList

VERSION = 1
"""Of the reader of tars."""

log = logging.getLogger(__name__)


class TarLists:
    """Keeps the list of each tar; any thread may call it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, tar: str, version: int) -> TarList | None:
        """The list of this version of a tar; None if it is missing or damaged."""
        try:
            content = files.read_sealed(self._path(tar), about=_about(tar, version))
            members, faults = json.loads(content)
            return TarList(
                [Member(*member) for member in members], [(name, why) for name, why in faults]
            )
        except (OSError, ValueError, TypeError):
            return None

    def keep(self, tar: str, version: int, listed: TarList) -> None:
        """Keep the list of a whole tar. If it cannot be written, nothing happens."""
        content = json.dumps([listed.members, listed.faults]).encode()
        path = self._path(tar)
        with suppress(OSError):
            os.makedirs(path.parent, exist_ok=True)
            files.write_sealed(path, content, about=_about(tar, version), mode=files.PRIVATE)

    def _path(self, tar: str) -> Path:
        digest = hashlib.sha256(tar.encode("utf-8", "surrogateescape")).hexdigest()
        return self._folder / digest[:2] / digest[:32]


def _about(tar: str, version: int) -> str:
    return json.dumps([VERSION, tar, version])
