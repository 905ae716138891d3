"""The folders that a request may have indexed: those that the operator named, and all below."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from mmembed.config.settings import expanded, variable
from mmembed.errors import InputError, NotFound
from mmembed.ingest import Passing
from mmembed.item_failures import text_of
from mmembed.places import is_address

PARAM = "folder"
NONE = (
    f"no folder may be indexed by requests: {variable('index_folders')} names those that may; "
    "`mmembed index` needs no permission"
)


def allowed_folder(folder: str, allowed: Sequence[str], passing: Callable[[str], Passing]) -> str:
    """The absolute path of a folder that may be indexed. passing: what an indexing of an allowed
    folder skips; that cannot be named either.

    Links in the path must not lead out of the allowed folder. Raises InputError, which does not
    tell whether a folder elsewhere exists, and NotFound.
    """
    if not allowed:
        raise InputError(NONE, param=PARAM)
    shown = f"{text_of(folder):.300}"
    if is_address(folder) or not os.path.isabs(folder) or "\0" in folder:
        raise InputError(f"{shown}: expected the absolute path of a folder", param=PARAM)
    path = os.path.normpath(folder)
    roots = [os.path.normpath(expanded(root, variable("index_folders"))) for root in allowed]
    root = max((root for root in roots if _is_below(path, root)), key=len, default=None)
    if root is None or not _is_below(os.path.realpath(path), os.path.realpath(root)):
        raise InputError(
            f"{shown}: lies in no folder that requests may have indexed; "
            f"{variable('index_folders')} names those",
            param=PARAM,
        )
    if not os.path.isdir(path):
        raise NotFound(f"{shown}: no such folder", param=PARAM)
    _check_let_in(path, root, passing(root))
    return path


def _is_below(path: str, root: str) -> bool:
    return path == root or path.startswith(os.path.join(root, ""))


def _check_let_in(path: str, root: str, passing: Passing) -> None:
    """Raises InputError for a folder that an indexing of the root does not enter."""
    above = path
    while above != root:
        hidden = os.path.basename(above).startswith(".")
        if hidden or passing.excludes(above, root, folder=True) or passing.is_system(above):
            raise InputError(
                f"{text_of(above)}: hidden, excluded, or a system's folder; requests may "
                "not have it indexed",
                param=PARAM,
            )
        above = os.path.dirname(above)
