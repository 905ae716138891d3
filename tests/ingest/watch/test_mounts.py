"""Folders to which other machines write are told by the type of their file system."""

from __future__ import annotations

import pytest

from mmembed.ingest.watch.mounts import is_silent
from mmembed.ingest.watch.mounts import mounts as present_mounts

TYPES = {
    "/": "ext4",
    "/mnt/nas": "nfs4",
    "/mnt/nas/local": "ext4",
    "/home/ann/cloud": "fuse.sshfs",
    "/media/usb": "fuseblk",
    "/srv/win": "cifs",
}


@pytest.mark.parametrize(
    ("root", "silent"),
    [
        ("/home/bob", False),
        ("/mnt/nas/photos", True),
        ("/mnt/nas/local/photos", False),
        ("/mnt", True),  # a network disk is mounted below it
        ("/home/ann", True),
        ("/home/anna", False),
        ("/media/usb", False),
        ("/srv/win", True),
    ],
)
def test_network_disks_are_silent(root: str, silent: bool) -> None:
    assert is_silent(root, TYPES) is silent


def test_the_mounts_of_this_machine_are_read() -> None:
    types = present_mounts()
    if not types:
        pytest.skip("this system does not tell its mounts so")
    assert "/" in types
    assert not is_silent("/nowhere", {})
