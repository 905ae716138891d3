"""Decides which files and folders a scan skips: system folders, and patterns."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from mmembed.errors import InputError

SYSTEM_FOLDERS = frozenset(
    {
        # storage devices: thumbnails, bins, snapshots and files of programs
        "@eadir", "@recycle", "@recently-snapshot", "@tmp", "@apphome", "@appstore", "@database",
        "#recycle", "#snapshot", "~snapshot",
        # Windows, macOS, Linux: bins, and files without an owner
        "$recycle.bin", "recycler", "recycled", "system volume information", "found.000",
        "__macosx", "lost+found", "network trash folder", "temporary items",
        # parts of programs
        "node_modules", "bower_components", "site-packages", "dist-packages", "__pycache__",
    }
)  # fmt: skip
"""Names, in any case."""
PREVIEWS = (".lrdata", ".cocache")
"""Endings of folders that hold a program's small copies of pictures."""
LIBRARIES = {
    ".photoslibrary": frozenset({"originals", "masters"}),
    ".photolibrary": frozenset({"masters", "originals"}),
    ".aplibrary": frozenset({"masters"}),
}
"""Endings of folders in which a program keeps pictures, and the path of the originals in them."""
NO_MEDIA = ".nomedia"
"""A file with this name keeps a folder, and all folders below, out of every gallery."""


@dataclass(frozen=True)
class Pattern:
    """One pattern of files or folders to exclude."""

    regex: re.Pattern[str]
    of: str
    """The compared text: the name, the path below the scanned folder, or the whole path."""
    folders_only: bool

    def matches(self, path: str, root: str, *, folder: bool) -> bool:
        """Whether a file or folder, at an absolute path below a root, is excluded."""
        if self.folders_only and not folder:
            return False
        if self.of == "name":
            return bool(self.regex.fullmatch(os.path.basename(path)))
        below = path if self.of == "path" else os.path.relpath(path, root)
        return bool(self.regex.fullmatch(below))


@dataclass(frozen=True)
class Passing:
    """The exclusions of a scan."""

    patterns: tuple[Pattern, ...] = ()
    include_system: bool = False
    kept_out: frozenset[str] = field(default_factory=frozenset)
    """Absolute paths of files and folders that were taken out for good."""
    own: frozenset[str] = field(default_factory=frozenset)
    """Folders in an object store that hold uploads and thumbnails of the collection."""

    def excludes(self, path: str, root: str, *, folder: bool) -> bool:
        """Whether a pattern matches."""
        return any(pattern.matches(path, root, folder=folder) for pattern in self.patterns)

    def is_system(self, path: str) -> bool:
        """Whether a folder belongs to a system or a program."""
        if self.include_system:
            return False
        above, name = os.path.split(path.casefold())
        if name in SYSTEM_FOLDERS or name.endswith(PREVIEWS):
            return True
        originals = LIBRARIES.get(os.path.splitext(above)[1])
        return originals is not None and name not in originals


def patterns_of(texts: Sequence[str]) -> tuple[Pattern, ...]:
    """Patterns as people write them: `*` and `?` stand for parts of a name, `**` for any folders.

    A pattern without a slash is compared with names. A pattern with a slash is compared with the
    path below the scanned folder. If it begins with `/` or `~`, it is compared with the whole path.
    With a slash at its end it means folders alone. Raises InputError.
    """
    return tuple(_pattern(text) for text in texts)


def _pattern(text: str) -> Pattern:
    wanted = os.path.expanduser(text.strip())
    folders_only = wanted.endswith("/")
    wanted = wanted.rstrip("/").removeprefix("./")
    if not wanted or wanted.startswith("!"):
        raise InputError(
            f"--exclude {text!r}: expected a name or path, with * for any part of it, such as "
            "'*.png', 'private/' or 'scans/20??'"
        )
    of = "path" if wanted.startswith("/") else "below" if "/" in wanted else "name"
    return Pattern(re.compile(_regex(wanted), re.DOTALL), of, folders_only)


def _regex(wanted: str) -> str:
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[!?[^\]/]+\])", wanted)
    meanings = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(
        meanings.get(part) or (_set(part) if i % 2 else re.escape(part))
        for i, part in enumerate(parts)
    )


def _set(part: str) -> str:
    """`[!a-c]` → `[^a-c]`."""
    inner = part[1:-1].replace("\\", "\\\\").replace("[", "\\[")
    negated = inner.startswith("!")
    inner = inner.removeprefix("!")
    return f"[{'^' if negated else ''}{inner.replace('^', chr(92) + '^')}]"
