"""Sorts single files by their names, and takes pictures into the result of a scan."""

from __future__ import annotations

import os
import stat

from mmembed.errors import ImageError
from mmembed.ingest.scan_result import Scan
from mmembed.item_failures import failure_of
from mmembed.media.decode import printable
from mmembed.sources.entries import Entry, stat_of

SUFFIXES = frozenset(
    f".{ending}"
    for endings in (
        "jpg jpeg jpe jfif png apng webp gif bmp dib tif tiff",
        "avif jp2 j2k j2c jpx jpf heic heif hif",
    )
    for ending in endings.split()
)
SIDECAR = ".txt"
"""Files of this ending are taken for captions; files without an image beside them are skipped."""
MANIFESTS = frozenset(
    f"{stem}{suffix}"
    for stem in ("captions", "metadata")
    for suffix in (".jsonl", ".csv", ".tsv", ".parquet")
)
"""Files that are taken for caption manifests in every folder."""
LISTS = (".jsonl", ".ndjson", ".csv", ".tsv", ".parquet")
"""Endings of the files that list pictures to index, where they are named themselves."""


def take(entry: str | Entry, scanned: Scan) -> None:
    """Take a picture, or note why it cannot be taken. entry: the path of a file, or a picture that
    was listed elsewhere."""
    path = entry if isinstance(entry, str) else entry.path
    try:
        path.encode()
        if isinstance(entry, Entry):
            scanned.files[path] = entry.stat
            scanned.beside[path] = entry.texts
            return
        status = os.stat(path)
    except UnicodeEncodeError:
        refuse(path, "the file name is not valid UTF-8; rename it", scanned)
    except FileNotFoundError:
        refuse(path, "a link that leads nowhere", scanned)
    except OSError as error:
        # A disk or network that hiccups does not make the picture gone.
        pass_over(path, scanned)
        refuse(path, f"cannot be read: {error.strerror}", scanned)
    else:
        if stat.S_ISREG(status.st_mode):
            scanned.files[path] = stat_of(status)
        else:
            refuse(path, "not a regular file", scanned)


def refuse(path: str, reason: str, scanned: Scan) -> None:
    """Note that a picture cannot be taken."""
    scanned.failures.append(failure_of(printable(path), ImageError(printable(path), reason)))


def pass_over(path: str, scanned: Scan) -> None:
    """Note a path that is not read, so that its known pictures stay."""
    if path not in scanned.roots:
        scanned.passed.add(path)
