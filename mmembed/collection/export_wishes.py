"""The contents that an export is to have, and whether its target can hold them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mmembed.errors import InputError
from mmembed.exchange.row_files import JSONL, PARQUET
from mmembed.exchange.write_lists import CSV, LIST_ENDINGS, NPY
from mmembed.types import Kind

FILE_ENDINGS = (PARQUET, JSONL)
ZIP = ".zip"
ENDINGS = (*FILE_ENDINGS, CSV, NPY, ZIP)


@dataclass(frozen=True)
class ListWishes:
    """The rows and columns of a list, or the pictures of an archive or of sidecars."""

    columns: tuple[str, ...] = ()
    """All, if there are none."""
    query: str = ""
    """Words to search for; the list then has the results."""
    k: int = 100
    """How many results."""
    kind: Kind = "image"
    xmp: bool = False
    """Whether sidecars are written."""
    beside: bool = False
    """Whether they are written beside the pictures."""


def check_target(to: Path | None, wishes: ListWishes) -> None:
    """Raises InputError for an ending that is unknown, or cannot hold what is wished for."""
    if wishes.xmp or wishes.beside:
        _check_sidecars(to, wishes)
        return
    if to is None:
        raise InputError("--to: name a new folder, or a file; `mmembed export --help` lists them")
    suffix = to.suffix.lower()
    if suffix and suffix not in ENDINGS and not to.is_dir():
        raise InputError(
            f"--to {to}: expected a folder, or a file that ends with {', '.join(ENDINGS)}; make a "
            "folder with a dot in its name first"
        )
    if wishes.columns and suffix not in LIST_ENDINGS:
        raise InputError(
            f"--to {to}: --columns makes a list, which ends with {', '.join(LIST_ENDINGS)}; a "
            "folder and an archive hold whole items"
        )
    if wishes.query and suffix not in (*LIST_ENDINGS, ZIP):
        raise InputError(
            f"--to {to}: --query makes a list or an archive, which ends with "
            f"{', '.join((*LIST_ENDINGS, ZIP))}; a folder holds whole items"
        )


def _check_sidecars(to: Path | None, wishes: ListWishes) -> None:
    if not wishes.xmp:
        raise InputError("--beside: goes with --xmp; other exports never lie beside the pictures")
    if wishes.columns:
        raise InputError("--columns: a sidecar holds tags alone; leave it out")
    if (to is None) != wishes.beside:
        raise InputError(
            "--xmp: name a folder for the tree of sidecars with --to DIR, or write them beside the "
            "pictures with --beside; one of both"
        )
    if to is not None and (to.is_file() or to.suffix.lower() in ENDINGS):
        raise InputError(f"--to {to}: sidecars lie in a folder, below it as the pictures do")
