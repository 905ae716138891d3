"""Tells the folders in which no events come: those of disks that other machines write to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from mmembed.ingest.scan_result import ancestors, under

MOUNTS = "/proc/self/mountinfo"
_SILENT = re.compile(
    r"(nfs\d?|cifs|smb\d?|smbfs|ncpfs|afs|ceph|9p|virtiofs|vboxsf|prl_fs|drvfs|lustre|beegfs|ocfs2|"
    r"gfs2|glusterfs|fuse(\..*)?)"
)
"""Types of file systems."""
_ESCAPE = re.compile(r"\\([0-7]{3})")


def mounts() -> dict[str, str]:
    """The types of the mounted file systems by path; empty where the system does not tell."""
    try:
        with open(MOUNTS, encoding="utf-8", errors="surrogateescape") as file:
            return dict(_mounts(file))
    except OSError:
        return {}


def _mounts(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) > 4 and after:
            path = _ESCAPE.sub(lambda code: chr(int(code[1], 8)), fields[4])
            yield path, after.split(" ")[0]


def is_silent(root: str, types: dict[str, str]) -> bool:
    """Whether a folder lies on a file system without events, or one is mounted below it. root: an
    absolute path without links."""
    own = next((types[above] for above in ancestors(root) if above in types), "")
    below = [kind for path, kind in types.items() if under(path, [root])]
    return any(_SILENT.fullmatch(kind) for kind in (own, *below))
