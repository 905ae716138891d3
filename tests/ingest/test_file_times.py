"""Files of any time, inode and device are indexed and served."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmembed.collection.collection import Collection
from mmembed.errors import Unstorable
from mmembed.store.entries import storable
from mmembed.store.sqlite import Catalog
from tests.conftest import Index, MakePicture

TIMES = [-(2**70), -(2**63) - 1, -1, 0, 2**63, 2**70, 253_402_300_800 * 10**9]


class Status:
    """A stat_result with another time."""

    def __init__(self, status: os.stat_result, **other: int) -> None:
        self._status = status
        self.__dict__.update(other)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._status, name)


@pytest.mark.slow
@pytest.mark.parametrize("time_ns", TIMES)
@pytest.mark.parametrize("field", ["st_mtime_ns", "st_ctime_ns"])
def test_a_file_of_any_time_is_indexed(
    collection: Collection,
    index: Index,
    picture: MakePicture,
    monkeypatch: pytest.MonkeyPatch,
    time_ns: int,
    field: str,
) -> None:
    picture("red.png")
    odd = picture("odd.png", "blue")
    real = os.stat

    def stat(path: Any, **options: Any) -> Any:
        found = real(path, **options)
        return Status(found, **{field: time_ns}) if str(path) == str(odd) else found

    monkeypatch.setattr(os, "stat", stat)
    report = index()
    assert (report.embedded, report.failures) == (2, [])
    known = collection.store.known_files()[str(odd)]
    if field == "st_mtime_ns":
        assert known.mtime_ns == storable(time_ns)
    again = index()
    assert (again.unchanged, again.failures) == (2, [])


def test_inodes_and_devices_of_64_bits_are_known_again(
    collection: Collection, index: Index, picture: MakePicture, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd, real = picture(), os.stat

    def stat(path: Any, **options: Any) -> Any:
        found = real(path, **options)
        if str(path) != str(odd):
            return found
        return Status(found, st_ino=2**64 - 3, st_dev=2**63 + 5)

    monkeypatch.setattr(os, "stat", stat)
    assert index().embedded == 1
    assert index().unchanged == 1


def test_real_files_of_far_times_are_indexed(index: Index, picture: MakePicture) -> None:
    for number, seconds in enumerate([-(2**33), 2**34, 2**40]):
        path = picture(f"{number}.png", seed=number + 1)
        try:
            os.utime(path, (seconds, seconds))
        except (OSError, OverflowError):
            pytest.skip("this file system takes no such times")
    report = index()
    assert (report.embedded, report.failures) == (3, [])
    assert index().unchanged == 3


def test_vectors_that_are_none_are_failures_of_their_pictures(
    catalog: Catalog, entry: Callable[..., Any]
) -> None:
    with pytest.raises(Unstorable, match="finite"):
        catalog.write([entry("/a", np.full(4, np.nan))])


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [-(2**40), -1, 2**34, 2**40])
def test_a_file_of_any_time_is_served(tmp_path: Path, seconds: int) -> None:
    from tests.serving import picture as picture_bytes
    from tests.serving import serving

    photos = tmp_path / "photos"
    photos.mkdir()
    content = picture_bytes("red")
    (photos / "a.png").write_bytes(content)
    (photos / "b.png").symlink_to("a.png")
    with serving(tmp_path / "data") as (client, collection):
        try:
            os.utime(photos / "a.png", (seconds, seconds))
        except (OSError, OverflowError):
            pytest.skip("this file system takes no such times")
        assert collection.index([photos], progress=lambda *_: None).failures == []
        for item in client.get("/v1/items").json()["items"]:
            answer = client.get(item["links"]["image"])
            assert (answer.status_code, answer.content) == (200, content)
            assert item["modified"]
            part = client.get(
                item["links"]["image"],
                headers={"Range": "bytes=0-3", "If-Range": answer.headers["last-modified"]},
            )
            assert (part.status_code, part.content) == (206, content[:4])
