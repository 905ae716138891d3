"""`name.txt` beside `name.jpg`: its lines are captions."""

from __future__ import annotations

import os
from collections.abc import Sequence

from mmembed.errors import ManifestError
from mmembed.ingest.caption_rules import SaidLimits
from mmembed.ingest.manifest_rows import open_regular

MAX_SIDECAR_BYTES = 64 * 1024


def sidecar_of(image_path: str) -> str:
    """The text file that may lie beside an image."""
    return os.path.splitext(image_path)[0] + ".txt"


def read_sidecar(
    path: str, roots: Sequence[str], limits: SaidLimits
) -> tuple[list[str], list[ManifestError]]:
    """The lines of a text file that are not blank, each once, and the errors of other lines. Empty
    if there is no such file.

    Raises ManifestError if it cannot be read. Also for a link out of the indexed folders: it may
    lead to a private file.
    """
    try:
        content = _content(path, roots)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return [], []
    except OSError as error:
        raise ManifestError(f"{path}: cannot be read as UTF-8 text: {error}") from None
    return lines_of_text(path, content, limits)


def lines_of_text(
    path: str, content: bytes, limits: SaidLimits
) -> tuple[list[str], list[ManifestError]]:
    """The lines of a text that are not blank, each once, and the errors of other lines. Raises
    ManifestError if it is no text, or too long."""
    if len(content) > MAX_SIDECAR_BYTES:
        raise ManifestError(f"{path}: over {MAX_SIDECAR_BYTES} bytes; not taken for a caption")
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ManifestError(f"{path}: cannot be read as UTF-8 text: {error}") from None
    texts: dict[str, None] = {}
    faults = []
    for number, line in enumerate(lines, 1):
        text = line.strip()
        try:
            limits.check("caption", text)
            limits.check_count("caption", len(texts) + (text not in texts))
        except ManifestError as error:
            faults.append(ManifestError(f"{path}:{number}: {error}"))
            if len(texts) >= limits.texts:
                break
            continue
        if text:
            texts[text] = None
    return list(texts), faults


def _content(path: str, roots: Sequence[str]) -> bytes:
    check_link(path, roots)
    try:
        with open_regular(path) as file:
            return file.read(MAX_SIDECAR_BYTES + 1)
    except ManifestError:
        return b""  # a folder or a pipe that is called like a text file


def check_link(path: str, roots: Sequence[str]) -> None:
    """Raises ManifestError for a link out of the indexed folders."""
    if not os.path.islink(path):
        return
    target = os.path.realpath(path)
    homes = [os.path.realpath(root) for root in roots]
    if not any(os.path.commonpath([home, target]) == home for home in homes):
        raise ManifestError(
            f"{path}: a link to {target}, outside the folders that are indexed; not read"
        )
