"""What counts as a change of a file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mmembed.collection.collection import Collection
from mmembed.ingest import Report
from mmembed.ingest.plan import is_changed
from mmembed.sources.entries import stat_of
from tests.fake_encoder import FakeEncoder
from tests.ingest.outcomes import counts, forget_origins, ids

MakePicture = Callable[..., Path]
Index = Callable[..., Report]


def other_content(path: Path) -> bytes:
    """Another content of the same length, which is a picture too."""
    content = bytearray(path.read_bytes())
    place = content.index(b"BM") if content[:2] == b"BM" else 0
    for i in range(place + 54, len(content)):
        content[i] = 255 - content[i]
    return bytes(content)


@pytest.mark.parametrize("way", ["written", "replaced"])
def test_new_content_of_the_same_size_and_time_is_seen(
    collection: Collection, index: Index, picture: MakePicture, tmp_path: Path, way: str
) -> None:
    path = picture("a.bmp", "red")
    picture("b.bmp", "green")
    assert index().embedded == 2
    before, sha256 = os.stat(path), collection.store.item(ids(collection)["a.bmp"]).sha256
    content = other_content(path)
    if way == "written":
        path.write_bytes(content)
    else:
        (tmp_path / "aside").write_bytes(content)
    changed = path if way == "written" else tmp_path / "aside"
    os.utime(changed, ns=(before.st_atime_ns, before.st_mtime_ns))
    os.replace(changed, path)
    assert (os.stat(path).st_size, os.stat(path).st_mtime_ns) == (
        before.st_size, before.st_mtime_ns,
    )  # fmt: skip
    assert counts(index()) == {"embedded": 1, "unchanged": 1}
    assert collection.store.item(ids(collection)["a.bmp"]).sha256 != sha256
    assert counts(index()) == {"unchanged": 2}


def test_a_change_of_permissions_alone_is_no_change(
    index: Index, picture: MakePicture, encoder: FakeEncoder
) -> None:
    path = picture("a.png")
    index()
    encoder.batches.clear()
    path.chmod(0o600)
    path.chmod(0o644)
    assert counts(index()) == {"touched": 1}
    assert counts(index()) == {"unchanged": 1}
    assert encoder.batches == []


def test_files_without_marks_are_known_by_size_and_time(
    collection: Collection, index: Index, picture: MakePicture
) -> None:
    path = picture("a.bmp")
    index()
    forget_origins(collection)
    assert collection.store.known_files()[str(path)].mark is None
    assert counts(index()) == {"unchanged": 1}
    assert collection.store.known_files()[str(path)].mark == stat_of(os.stat(path)).mark
    assert counts(index()) == {"unchanged": 1}


def test_inodes_tell_only_on_the_same_device(collection: Collection, index: Index,
                                             picture: MakePicture) -> None:  # fmt: skip
    path = picture()
    index()
    known = collection.store.known_files()[str(path)]
    size, mtime_ns, (device, inode, changed) = stat_of(os.stat(path))
    stat = stat_of(os.stat(path))
    assert not is_changed(known, stat)
    assert is_changed(known, stat._replace(mark=(device, inode + 1, changed)))
    assert not is_changed(known, stat._replace(mark=(device + 1, inode + 1, changed)))
    assert is_changed(known, stat._replace(mark=(device, inode, changed + 1)))
    assert is_changed(known, stat._replace(bytes=size + 1))
    assert is_changed(known, stat._replace(mtime_ns=mtime_ns + 1))


def test_all_files_are_read_again_on_request(
    collection: Collection, index: Index, picture: MakePicture, encoder: FakeEncoder
) -> None:
    path = picture("a.bmp", "red")
    picture("b.bmp", "green")
    shutil.copy(path, path.with_name("c.bmp"))
    index()
    # As a disk does that loses a bit: nothing but the content changes.
    known = collection.store.known_files()[str(path)]
    path.write_bytes(other_content(path))
    os.utime(path, ns=(known.mtime_ns, known.mtime_ns))
    mark = stat_of(os.stat(path)).mark
    collection.store.mark_files([(known.id, mark)])
    assert counts(index()) == {"unchanged": 3}
    encoder.batches.clear()
    assert counts(index(rehash=True)) == {"embedded": 1, "unchanged": 2}
    assert sum(encoder.batches) == 1
