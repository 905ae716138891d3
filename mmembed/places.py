"""Where pictures lie: absolute paths, addresses such as `s3://bucket/a.jpg`, and members of tars,
which are written as if the tar was a folder: `/data/shard-000.tar/a.jpg`."""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path
from typing import TypeAlias

Place: TypeAlias = "Path | str"
"""A path, or an address as text: a Path would make one slash of two."""

WEB = ("http://", "https://")
TAR = ".tar"
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.:-]*://")
_IN_TAR = re.compile(r"\.tar(?=/)", re.IGNORECASE)


def place_of(text: str) -> Place:
    """An address or a path, from the words of a user."""
    return text if is_address(text) else Path(text)


def is_address(place: Place) -> bool:
    """Whether a place is an address, not a path."""
    return isinstance(place, str) and _ADDRESS.match(place) is not None


def is_web(place: Place) -> bool:
    """Whether a place is an address of the web."""
    return isinstance(place, str) and place.lower().startswith(WEB)


def absolute(place: Place, home: str = "") -> str:
    """An absolute path without `..`, or an address without a slash at its end.

    home: an absolute path or address, to which a relative path belongs; else the current folder.
    """
    text = str(place)
    if is_web(text):
        return text.strip()
    if is_address(text):
        return text.rstrip("/")
    if not is_address(home):
        return os.path.abspath(os.path.join(home, text))
    start = _ADDRESS.match(home)
    assert start is not None
    bucket, _, key = home[start.end() :].partition("/")
    return f"{start[0]}{bucket}{posixpath.normpath(posixpath.join('/', key, text))}"


def tar_of(path: str) -> str | None:
    """The tar in which a picture lies; None if it lies in none. A path that a picture of the web
    has may look as if it did: see its mark."""
    start = _ADDRESS.match(path)
    key = 0 if start is None else path.find("/", start.end())  # a host may be called `a.tar`
    for end in _IN_TAR.finditer(path, max(key, 0)):
        tar = path[: end.end()]
        if start is not None or os.path.isfile(tar):
            return tar
    return None


def is_file(path: str) -> bool:
    """Whether a picture is, or was, a file of its own on this machine."""
    return not is_address(path) and tar_of(path) is None
