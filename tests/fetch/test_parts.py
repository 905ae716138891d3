"""Parts of files on the web: what a host must answer to a request for one."""

from __future__ import annotations

import pytest

from mmembed.errors import ImageError
from mmembed.fetch.fetcher import Fetcher
from tests.fetch.sites import LIMIT, Handler, Site, in_parts

DATA = bytes(range(256)) * 20


def asked_part(fetcher: Fetcher, site: Site, start: int, stop: int) -> bytes:
    return fetcher.part(site.url("/x.tar"), "x", start, stop).data


def test_a_part_comes_with_the_size_and_the_version_of_its_file(
    site: Site, fetcher: Fetcher
) -> None:
    site.answers["/x.tar"] = in_parts(DATA, ETag='W/"7"')
    site.answers["/moved.tar"] = lambda h: h.say(b"", 302, Location="/x.tar")
    part = fetcher.part(site.url("/moved.tar"), "x", 10, 300)
    assert (part.data, part.size, part.version) == (DATA[10:300], len(DATA), '"7"')
    assert asked_part(fetcher, site, 5000, 9000) == DATA[5000:], "the file ends before"
    assert asked_part(fetcher, site, 0, LIMIT + 100) == DATA[: LIMIT + 100], "no limit of images"


@pytest.mark.parametrize(
    ("status", "content_range", "data", "said"),
    [
        (200, "", DATA, "sends no parts of files; download the file"),
        (416, f"bytes */{len(DATA)}", b"", "the file ends before"),
        (404, "", b"", "answered 404"),
        (206, "", DATA[:10], "answered 206"),
        (206, "bytes 0-9/*", DATA[:10], "answered 206"),
        (206, f"bytes 1-10/{len(DATA)}", DATA[1:11], "another part"),
        (206, f"bytes 0-4/{len(DATA)}", DATA[:5], "another part"),
        (206, f"bytes 0-9/{len(DATA)}", DATA[:11], "more than was asked for"),
        (206, f"bytes 0-9/{len(DATA)}", DATA[:9], "IncompleteRead"),
    ],
)
def test_another_answer_is_no_part(
    site: Site, fetcher: Fetcher, status: int, content_range: str, data: bytes, said: str
) -> None:
    def answer(handler: Handler) -> None:
        headers = {"Content_Range": content_range} if content_range else {}
        handler.say(data, status, None, **headers)

    site.answers["/x.tar"] = answer
    with pytest.raises(ImageError) as error:
        asked_part(fetcher, site, 0, 10)
    assert said in error.value.reason


def test_redirects_of_parts_are_checked_like_addresses(site: Site, fetcher: Fetcher) -> None:
    there = f"http://127.0.0.1:{site.server_port}/secret"
    site.answers["/x.tar"] = lambda h: h.say(b"", 302, Location=there)
    site.answers["/secret"] = in_parts(DATA)
    with pytest.raises(ImageError, match="not on the public internet"):
        asked_part(fetcher, site, 0, 10)
    assert [path for path, _ in site.asked] == ["/x.tar"]
