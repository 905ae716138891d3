"""Items → XMP sidecars, in a tree of their own or beside the pictures. No picture is written to."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePath

from mmembed import files
from mmembed.errors import InputError, StoreFull
from mmembed.exchange.write_export import Exported
from mmembed.exchange.xmp import LARGEST, with_tags
from mmembed.places import is_file
from mmembed.types import Failure, Item

ENDING = ".xmp"
UPLOADS = "uploads"


def write_sidecars(
    pages: Iterable[Sequence[Item]],
    exported: Exported,
    folder: Path | None,
    is_upload: Callable[[str, str], bool],
) -> None:
    """Write a sidecar for each picture that has tags: below a folder, at the picture's own path, or
    beside the pictures if there is no folder. A sidecar that is there is merged. A file that
    cannot be read as one stays as it is, and is among the failures.

    is_upload: whether a path and content is a file of the store's own, beside which nothing is
    written. Raises StoreFull.
    """
    for page in pages:
        for item in page:
            if item.path is None or item.kind != "image" or not item.tags:
                continue
            uploaded = is_upload(item.path, item.sha256)
            if uploaded and folder is None:
                exported.count("uploads left out")
                continue
            if folder is None and not is_file(item.path):
                exported.count("pictures in tars, object stores and on the web left out")
                continue
            place = _place(item.path, folder, uploaded)
            try:
                what, size = _write(place, item, make=folder is not None)
                exported.count(what)
                exported.bytes += size
            except InputError as error:
                _fail(exported, place, f"{error}; it stays as it is")
            except OSError as error:
                if files.is_full(error):
                    raise StoreFull(f"{place}: cannot be written: {error.strerror}") from error
                _fail(exported, place, f"cannot be written: {error.strerror or error}")
            except ValueError as error:  # such as a NUL in a path
                _fail(exported, place, str(error))


def _place(path: str, folder: Path | None, uploaded: bool) -> Path:
    if folder is None:
        return Path(f"{path}{ENDING}")
    pure = PurePath(path)
    if uploaded:
        return folder / UPLOADS / f"{pure.name}{ENDING}"
    parts = [part for part in pure.parts if part not in (pure.anchor, "..", ".")]
    return folder.joinpath(*parts[:-1], f"{parts[-1]}{ENDING}")


def _write(place: Path, item: Item, *, make: bool) -> tuple[str, int]:
    """Write or merge; returns what was done, and the bytes written. make: make missing folders."""
    if make:
        place.parent.mkdir(parents=True, exist_ok=True)
    target = Path(os.path.realpath(place))  # a link stays a link
    mode, before = files.SHARED, None
    if place.is_symlink() and not target.exists():
        raise InputError(f"is a link to {target}, where nothing is")
    if target.exists():
        status = target.stat()
        if not stat.S_ISREG(status.st_mode):
            raise InputError("is no file")
        mode = stat.S_IMODE(status.st_mode)
        with open(target, "rb") as file:
            before = file.read(LARGEST + 1)
    content = with_tags(before, item.tags)
    if content is None:
        return "sidecars unchanged", 0
    files.replace(target, content, mode=mode, durable=True)
    return "sidecars new" if before is None else "sidecars merged", len(content)


def _fail(exported: Exported, place: Path, reason: str) -> None:
    exported.failures.append(Failure(str(place), "InputError", f"{place}: {reason}"))
