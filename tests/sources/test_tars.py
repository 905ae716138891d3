"""Lists of tars: whole, cut, damaged and hostile ones."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from mmembed.sources.range_file import buffered
from mmembed.sources.tar_lists import TarLists
from mmembed.sources.tars import Member, entries_of, list_tar, sample_of
from tests.tars import packed

TWO = {"a.png": b"first", "b/c.png": b"second" * 200}


def names(data: bytes) -> list[str]:
    return [member.name for member in list_tar(io.BytesIO(data)).members]


def test_members_are_found_where_they_lie() -> None:
    data = packed(TWO)
    listed = list_tar(io.BytesIO(data))
    assert (listed.faults, listed.broken) == ([], "")
    found = {one.name: data[one.offset : one.offset + one.bytes] for one in listed.members}
    assert found == TWO
    assert listed.members[0].mtime_ns == 1_700_000_000 * 10**9


@pytest.mark.parametrize("lost", [600, 1024, 1500])
def test_a_tar_that_was_cut_says_so(lost: int) -> None:
    whole = packed(TWO)
    end = list_tar(io.BytesIO(whole)).members[-1]
    cut = whole[: (end.offset + end.bytes + 511) // 512 * 512 + 1024 - lost - 1]
    listed = list_tar(io.BytesIO(cut))
    assert listed.broken
    assert [one.name for one in listed.members][:1] == ["a.png"]


def test_a_damaged_header_in_the_middle_loses_nothing_without_a_word() -> None:
    data = bytearray(packed({**TWO, "d.png": b"third"}))
    second = list_tar(io.BytesIO(bytes(data))).members[1]
    data[second.offset - 512 + 148] ^= 1  # the checksum of its header
    listed = list_tar(io.BytesIO(bytes(data)))
    assert [one.name for one in listed.members] == ["a.png"]
    assert "damaged" in listed.broken


@pytest.mark.parametrize("data", [b"", b"no tar at all" * 100, b"\x1f\x8b" + b"x" * 2000])
def test_other_files_are_no_tars(data: bytes) -> None:
    listed = list_tar(io.BytesIO(data))
    assert (listed.members, "cannot be read as a tar" in listed.broken) == ([], True)


def test_names_that_lead_elsewhere_are_faults() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in ("../up.png", "a/../../b.png", "x" * 2000 + ".png", "bad\udcff.png"):
            tar.addfile(tarfile.TarInfo(name))
        link = tarfile.TarInfo("link.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
        for name in ("./good.png", "/root.png", "twice.png", "twice.png"):
            tar.addfile(tarfile.TarInfo(name))
    listed = list_tar(io.BytesIO(out.getvalue()))
    assert [one.name for one in listed.members] == ["good.png", "root.png", "twice.png"]
    assert len(listed.faults) == 5
    assert not listed.broken


def test_a_header_that_claims_gigabytes_is_not_read() -> None:
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 8 * 2**30
    listed = list_tar(io.BytesIO(info.tobuf(tarfile.GNU_FORMAT) + b"x" * 10_000))
    assert "limit" in listed.broken


def test_samples_of_a_web_dataset() -> None:
    assert sample_of("a/b.seg.PNG") == ("a/b", ".seg.png")
    assert sample_of("a.b/c") == ("a.b/c", "")
    data = packed({"1.jpg": b"p", "1.txt": b"t", "1.json": b"{}", "2.jpg": b"q", "1.cls": b"3"})
    entries = list(entries_of("/s.tar", 7, list_tar(io.BytesIO(data)).members))
    texts = {one.path: [text.path for text in one.texts] for one in entries}
    assert texts["/s.tar/1.jpg"] == ["/s.tar/1.txt", "/s.tar/1.json"]
    assert texts["/s.tar/2.jpg"] == texts["/s.tar/1.txt"] == []
    assert len({one.stat.mark for one in entries}) == 5


def test_a_tar_is_read_in_few_requests() -> None:
    data = packed({f"{number:04}.png": b"x" * 3000 for number in range(1000)})
    asked: list[tuple[int, int]] = []

    def read(start: int, stop: int) -> bytes:
        asked.append((start, stop))
        return data[start:stop]

    with buffered(read, len(data)) as file:
        assert len(list_tar(file).members) == 1000
    assert len(asked) <= 3


def test_kept_lists_belong_to_one_version(tmp_path: Path) -> None:
    listed = list_tar(io.BytesIO(packed(TWO)))
    lists = TarLists(tmp_path / "cache" / "tars")
    lists.keep("s3://b/a.tar", 1, listed)
    assert lists.find("s3://b/a.tar", 1) == listed
    assert isinstance(lists.find("s3://b/a.tar", 1).members[0], Member)  # type: ignore[union-attr]
    assert lists.find("s3://b/a.tar", 2) is None
    assert lists.find("s3://b/b.tar", 1) is None
    for file in (tmp_path / "cache").rglob("*"):
        if file.is_file():
            file.write_bytes(file.read_bytes()[:-1])
    assert lists.find("s3://b/a.tar", 1) is None
    (tmp_path / "file").touch()
    TarLists(tmp_path / "file").keep("s3://b/a.tar", 1, listed)  # nothing happens
