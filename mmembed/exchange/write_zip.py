"""Items → a zip archive of the pictures themselves, with a list of them in it."""

from __future__ import annotations

import csv
import io
import re
import shutil
import zipfile
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import PurePath
from typing import BinaryIO

from mmembed import files
from mmembed.errors import MmembedError
from mmembed.exchange.write_export import Exported, writing
from mmembed.item_failures import failure_of
from mmembed.types import Item

LIST = "pictures.csv"
COLUMNS = ("name", "id", "path", "sha256", "caption", "tags")
LONGEST_NAME, LONGEST_ENDING = 200, 20
"""Bytes of a name in the archive before and after its dot: file systems take 255."""
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
"""Names that mean devices to Windows, with any ending."""
COPIED_AT_ONCE = 2**20
OLDEST, NEWEST = (1980, 1, 1, 0, 0, 0), (2107, 12, 31, 23, 59, 58)
"""The dates that the format knows."""


class ArchiveNames:
    """Gives each picture a name of its own, also where letters differ in case alone. The names hold
    on every system, and lead nowhere out of the folder that they are unpacked in."""

    def __init__(self) -> None:
        self._taken = {LIST}
        self._numbers: dict[str, int] = {}
        """The last number of a name, so that a thousand equal names are not tried one by one."""

    def of(self, path: str) -> str:
        """The file's name; with a number if another picture has it."""
        plain = "".join(c if c.isprintable() and c not in '\\/:*?"<>|' else "_" for c in
                        PurePath(path).name).strip(" .") or "picture"  # fmt: skip
        if _DEVICE.match(plain):
            plain = f"_{plain}"
        stem, ending = PurePath(plain).stem, PurePath(plain).suffix
        ending = _cut(ending, LONGEST_ENDING)
        stem = _cut(stem, LONGEST_NAME)
        key = name = f"{stem}{ending}"
        while name.casefold() in self._taken:
            number = self._numbers.get(key.casefold(), 1) + 1
            self._numbers[key.casefold()] = number
            name = f"{stem} ({number}){ending}"
        self._taken.add(name.casefold())
        return name


def _cut(text: str, most: int) -> str:
    """The beginning of a text, of so many bytes at the most."""
    return text.encode()[:most].decode(errors="ignore")


def write_zip(
    pages: Iterable[Sequence[Item]],
    exported: Exported,
    opened: Callable[[Item], BinaryIO],
) -> None:
    """Write the pictures to the archive of `exported`, which takes its place when all are in it.

    opened: a picture's file, with the indexed content. A picture without one is among the failures.
    Raises StoreError, StoreFull.
    """
    path, names = exported.path, ArchiveNames()
    rows = io.StringIO()
    table = csv.writer(rows, lineterminator="\n")
    table.writerow(COLUMNS)
    with writing(path), files.replacing(path, durable=True) as file:
        # Pictures are compressed already.
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for item in (item for page in pages for item in page):
                name = _copy(archive, names, item, opened, exported)
                if name is not None:
                    facts = (item.id, item.path, item.sha256, item.caption, ", ".join(item.tags))
                    table.writerow((name, *facts))
            listed = zipfile.ZipInfo(LIST, OLDEST)
            text = rows.getvalue().encode(errors="backslashreplace")
            archive.writestr(listed, text, zipfile.ZIP_DEFLATED)
        exported.bytes = file.tell()


def _copy(
    archive: zipfile.ZipFile,
    names: ArchiveNames,
    item: Item,
    opened: Callable[[Item], BinaryIO],
    exported: Exported,
) -> str | None:
    """The name of a picture in the archive; None if it could not be read."""
    if item.kind != "image" or item.path is None:
        return None
    try:
        source = opened(item)
    except MmembedError as error:
        exported.failures.append(failure_of(item.path, error))
        return None
    name = names.of(item.path)
    with (
        source,
        archive.open(zipfile.ZipInfo(name, _date_of(item)), "w", force_zip64=True) as entry,
    ):
        shutil.copyfileobj(source, entry, COPIED_AT_ONCE)
    exported.count("pictures")
    return name


def _date_of(item: Item) -> tuple[int, int, int, int, int, int]:
    """When the file was changed, in local time."""
    try:
        moment = datetime.fromtimestamp((item.mtime_ns or 0) // 10**9)
    except (OverflowError, ValueError, OSError):  # a file may claim any time
        return OLDEST
    year, month, day, hour, minute, second = moment.timetuple()[:6]
    return min(max((year, month, day, hour, minute, second), OLDEST), NEWEST)
